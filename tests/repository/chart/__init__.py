"""What ``helm template`` makes of ``deploy/helm/hushwire``; there is no cluster here."""
