// What support/lab.py asks of a page, over the application that --expose-app-in-browser hands out.
window.mcj = {
  running: 0, // commands that were given and are not through yet
  samplers: {},

  panel(path) {
    const widgets = [...(window.jupyterapp?.shell.widgets("main") ?? [])];
    return widgets.find((widget) => widget.context?.path === path && widget.content?.widgets);
  },

  kernel(path) {
    return this.panel(path)?.context.sessionContext.session?.kernel;
  },

  // Give a command to the notebook, with one cell active, without waiting for its end.
  command(path, name, cell) {
    const panel = this.panel(path);
    window.jupyterapp.shell.activateById(panel.id);
    if (cell !== null) {
      panel.content.deselectAll();
      panel.content.activeCellIndex = cell;
    }
    this.running += 1;
    const done = window.jupyterapp.commands.execute(name);
    done.catch(() => {}).finally(() => (this.running -= 1));
  },

  // Run code that belongs to no cell; what it prints comes back.
  async execute(path, code) {
    const future = this.kernel(path).requestExecute({ code, store_history: false });
    let text = "";
    let error = "";
    future.onIOPub = ({ header, content }) => {
      if (header.msg_type === "stream") text += content.text;
      if (header.msg_type === "error") error = content.traceback.join("\n");
    };
    await future.done;
    return { text, error };
  },

  // Look at an element before each paint; keep what changed.
  sample(name, path, selector) {
    const sampler = { seen: [], on: true };
    this.samplers[name] = sampler;
    const look = () => {
      const element = document.querySelector(selector);
      const height = element ? element.getBoundingClientRect().height : 0;
      const length = element ? element.textContent.length : 0;
      const last = sampler.seen.at(-1);
      if (!last || last.height !== height || last.length !== length) {
        const busy = this.kernel(path)?.status === "busy";
        sampler.seen.push({ ms: performance.now(), height, length, busy });
      }
      if (sampler.on) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  },

  sampled(name) {
    this.samplers[name].on = false;
    return this.samplers[name].seen;
  },
};
