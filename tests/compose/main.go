// Reads docker-compose.yml as `docker compose config` does, by the library that it is made of: schema,
// variables, merges, profiles, what depends on what, secrets, networks, volumes. Prints the outcome.
//
// Usage: compose-config FOLDER PROFILE...
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(folder string, profiles []string) error {
	options, err := cli.NewProjectOptions(
		nil,
		cli.WithWorkingDirectory(folder),
		cli.WithProfiles(profiles),
		cli.WithEnvFiles(folder+"/.env"),
		cli.WithDotEnv,
		cli.WithConfigFileEnv,
		cli.WithDefaultConfigPath,
	)
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(project)
}
