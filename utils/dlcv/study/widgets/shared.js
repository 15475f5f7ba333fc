// Shared by all widgets: elements, labelled controls, arrays, theme, and the reader's progress.

// h("button", { class: "primary", onclick: f }, "text") and h("svg:circle", { r: 3 }).
function h(tag, attributes = {}, ...children) {
  const isSvg = tag.startsWith("svg:");
  const node = isSvg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  setAttributes(node, attributes);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// Functions become listeners, `html` becomes content, true/false switch, null removes.
function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (name === "html") node.innerHTML = value;
    else if (value === null || value === false) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : value);
  }
  return node;
}

// JupyterLab takes arrow keys and letters for its own shortcuts, early and late in an event's way;
// inside a widget they are the widget's.
function live(widget) {
  return {
    render(context) {
      context.el.setAttribute("data-lm-suppress-shortcuts", "true");
      context.el.addEventListener("keydown", (event) => event.stopPropagation());
      return widget.render(context);
    },
  };
}

let controlCount = 0;
const controlId = () => `dlcv-${Math.random().toString(36).slice(2, 8)}-${controlCount++}`;

// A labelled slider with its value written beside it. `set` moves it without calling onInput.
function slider({ label, min, max, step = 1, value, format = String, onInput }) {
  const id = controlId();
  const output = h("output", { for: id, "aria-live": "off" });
  const input = h("input", { type: "range", id, min, max, step });
  const show = () => {
    output.textContent = format(+input.value);
    input.setAttribute("aria-valuetext", format(+input.value));
  };
  input.value = value;
  input.addEventListener("input", () => (show(), onInput(+input.value)));
  show();
  const set = (next) => ((input.value = next), show());
  const root = h("div", { class: "control" }, h("label", { for: id }, label), input, output);
  return { root, input, set, get value() { return +input.value; } };
}

// A labelled list to choose from; options are [value, text] pairs.
function choice({ label, options, value, onChange }) {
  const id = controlId();
  const items = options.map(([key, text]) => h("option", { value: key }, text));
  const input = h("select", { id, onchange: () => onChange(input.value) }, items);
  input.value = value;
  const root = h("div", { class: "control" }, h("label", { for: id }, label), input);
  return { root, input, get value() { return input.value; } };
}

function toggle({ label, checked = false, onChange }) {
  const input = h("input", { type: "checkbox", onchange: () => onChange(input.checked) });
  input.checked = checked;
  return { root: h("label", { class: "tick" }, input, label), input };
}

function button(text, onClick, attributes = {}) {
  return h("button", { type: "button", onclick: onClick, ...attributes }, text);
}

// The partner of `pack` in Python: a typed array that knows its shape; float16 becomes float32.
function unpack({ dtype, shape, data }) {
  const { buffer } = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const kinds = { float32: Float32Array, float16: Uint16Array, uint8: Uint8Array, int8: Int8Array, int32: Int32Array };
  const values = new kinds[dtype](buffer);
  return Object.assign(dtype === "float16" ? Float32Array.from(values, fromHalf) : values, { shape });
}

// The number that 16 bits stand for: sign, 5 bits of exponent, 10 of fraction (IEEE 754).
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction) : 2 ** -14 * fraction);
}

const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// Colours of the present theme, for canvases; SVG and HTML use the CSS variables themselves.
function themeColour(el, name) {
  return getComputedStyle(el).getPropertyValue(`--dlcv-${name}`).trim();
}

function onThemeChange(call) {
  const watch = new MutationObserver(call);
  const attributeFilter = ["data-theme", "data-jp-theme-light", "class"];
  watch.observe(document.documentElement, { attributes: true, attributeFilter });
  watch.observe(document.body, { attributes: true, attributeFilter });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", call);
  return () => (watch.disconnect(), system.removeEventListener("change", call));
}

// The reader's own progress: {"quiz": {"01.xor": "right"}, "exercise": {"01.and": "done"}}.
const progress = {
  key: "learning-to-see:progress",
  load() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) ?? {};
    } catch (error) {
      console.info("Progress is not kept here:", error.message); // private mode, or no storage
      return {};
    }
  },
  get(kind, id) {
    return this.load()[kind]?.[id];
  },
  set(kind, id, value) {
    const all = this.load();
    all[kind] = { ...all[kind], [id]: value };
    try {
      localStorage.setItem(this.key, JSON.stringify(all));
    } catch (error) {
      console.info("Progress is not kept here:", error.message);
    }
    dispatchEvent(new CustomEvent("dlcv:progress"));
  },
};
