// What stands in for the notebook on a page without one: a model of a few lines.
globalThis.dlcv ??= {
  modules: {},
  model(state) {
    const listeners = {};
    return {
      get: (name) => state[name],
      set(name, value) {
        state[name] = value;
        for (const call of listeners[`change:${name}`] ?? []) call();
      },
      save_changes() {},
      send() {},
      isStatic: true,
      on(event, call) {
        for (const name of event.split(" ")) (listeners[name] ??= []).push(call);
      },
      off(event, call) {
        for (const name of event.split(" ")) listeners[name] = listeners[name]?.filter((other) => other !== call);
      },
    };
  },
  mount(output, key) {
    const el = output.querySelector(".dlcv-widget");
    const state = JSON.parse(output.querySelector('script[type="application/json"]').textContent);
    el.replaceChildren();
    dlcv.modules[key]().render({ model: dlcv.model(state), el });
    el.dataset.ready = "true";
  },
};
