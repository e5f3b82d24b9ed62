// Chromium starts no worker from a folder, so there the search runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    #frame = document.createElement("iframe");
    #loaded;

    constructor(url) {
      super();
      this.#frame.hidden = true;
      this.#loaded = new Promise((resolve) => this.#frame.addEventListener("load", resolve));
      this.#frame.srcdoc = "<!doctype html><title>search</title>";
      document.body.append(this.#frame);
      this.#loaded = this.#loaded.then(() => this.#start(url));
    }

    #start(url) {
      const inside = this.#frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      const script = inside.document.createElement("script");
      script.src = url;
      const ready = new Promise((resolve) => script.addEventListener("load", resolve));
      inside.document.head.append(script);
      return ready;
    }

    postMessage(data) {
      this.#loaded.then(() => {
        const { MessageEvent: Told } = this.#frame.contentWindow;
        this.#frame.contentWindow.dispatchEvent(new Told("message", { data }));
      });
    }

    terminate() {
      this.#frame.remove();
    }
  };
}
