// A timeline of workers under a policy, drawn while it happens, and what comes of it in the long run.
const WINDOW = 12; // units of time that are seen at once
const SPEED = 1.5; // units of time a second
const ROW = 10; // height of a worker, in the drawing's own units
const WIDTH = 600;
const BINS = 14;
const POLICY_NAMES = [
  ["sync", "synchronous: wait for all"],
  ["backup", "synchronous, with backup workers"],
  ["cut", "with backups, late ones cut short"],
  ["async", "asynchronous: wait for nobody"],
];
const OUTCOMES = [["used", "gradient used"], ["dropped", "dropped: too late"], ["cut", "cut short"], ["running", "still computing"], ["idle", "waiting"]];

const percent = (part) => `${(100 * part).toFixed(0)} %`;
const short = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "–");

function makeChart(label) {
  const paths = OUTCOMES.map(([name]) => [name, h("svg:path", { class: name })]);
  const ticks = h("svg:path", { class: "updates" });
  const svg = h("svg:svg", { preserveAspectRatio: "none", role: "img", "aria-label": label }, paths.map(([, path]) => path), ticks);
  const from = h("span", {});
  const to = h("span", {});
  const root = h("div", { class: "chart" }, svg, h("div", { class: "axis" }, from, h("span", {}, "time →"), to));
  const draw = (server) => {
    const right = Math.max(WINDOW, server.now);
    const left = right - WINDOW;
    const x = (time) => (((Math.max(left, time) - left) / WINDOW) * WIDTH).toFixed(1);
    const bar = (worker, start, end, thin = 0) => {
      const top = worker * ROW + 1 + thin;
      return `M${x(start)} ${top}H${x(end)}V${top + ROW - 2 - 2 * thin}H${x(start)}Z`;
    };
    const shapes = { used: "", dropped: "", cut: "", running: "", idle: "" };
    server.forget(left);
    for (const { worker, start, end, outcome } of server.tasks) shapes[outcome] += bar(worker, start, end - 0.02);
    for (const { worker, start } of server.busy()) if (start < server.now) shapes.running += bar(worker, start, server.now, 1);
    for (const [worker, since] of server.waiting()) shapes.idle += bar(worker, since, server.now, 3.5);
    setAttributes(svg, { viewBox: `0 0 ${WIDTH} ${server.total * ROW}`, style: `height:${(0.75 + server.total * 0.7).toFixed(2)}rem` });
    for (const [name, path] of paths) path.setAttribute("d", shapes[name]);
    const isDense = server.updateTimes.length > 60;
    ticks.setAttribute("d", isDense ? "" : server.updateTimes.map((time) => `M${x(time)} 0V${server.total * ROW}`).join(""));
    from.textContent = short(left);
    to.textContent = short(right);
  };
  return { root, draw };
}

function makeHistogram() {
  const bars = Array.from({ length: BINS }, () => h("i", {}));
  const first = h("span", {}, "0");
  const last = h("span", {});
  const chart = h("div", { class: "bars", role: "img" }, bars);
  const root = h("div", { class: "histogram" }, h("p", {}, "Staleness of the gradients used"), chart, h("div", { class: "axis" }, first, h("span", {}, "updates in between"), last));
  const draw = (counts) => {
    const width = Math.max(1, Math.ceil(counts.length / BINS));
    const sums = new Array(BINS).fill(0);
    counts.forEach((count, late) => (sums[Math.floor(late / width)] += count));
    const most = Math.max(1, ...sums);
    bars.forEach((bar, i) => bar.style.setProperty("--share", `${((100 * sums[i]) / most).toFixed(1)}%`));
    last.textContent = String(BINS * width - 1);
    chart.setAttribute("aria-label", `Staleness from 0 to ${Math.max(0, counts.length - 1)}, mean ${short(meanOf(counts))}`);
  };
  return { root, draw };
}

function meanOf(counts) {
  let sum = 0;
  let number = 0;
  counts.forEach((count, value) => ((sum += count * value), (number += count)));
  return number ? sum / number : 0;
}

const FIGURES = ["Updates a unit of time", "Gradients used a unit of time", "Time from update to update", "Workers wait", "Dropped or cut short", "Mean staleness"];

function measures(server, settings) {
  const { now, updates, used, dropped, idle, total } = server;
  const asleep = idle + server.waiting().reduce((sum, [, since]) => sum + now - since, 0);
  const known = theory(settings);
  const period = short(server.updateTimes.length ? server.updateTimes.at(-1) / updates : NaN);
  return [
    short(updates / now),
    short(used / now),
    known === null ? period : `${period} (in the long run ${short(known)})`,
    `${percent(asleep / (total * now))} of the time`,
    percent(dropped / Math.max(1, used + dropped)),
    short(meanOf(server.staleness)),
  ];
}

export default {
  render({ model, el }) {
    const names = ["policy", "workers", "backups", "spread", "stragglers", "slowdown", "seed"];
    const settings = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
    const play = { frame: null, last: 0 };
    let server = null;
    let isWriting = false;

    const write = (changes) => {
      isWriting = true;
      for (const [name, value] of Object.entries(changes)) model.set(name, value);
      model.save_changes();
      isWriting = false;
    };
    const share = () => write({
      time: server.now, updates: server.updates, dropped: server.dropped,
      staleness: Array.from(server.staleness, (count) => count ?? 0),
    });

    const chart = makeChart("What every worker does, one row each; the figures below say what comes of it");
    const histogram = makeHistogram();
    const values = FIGURES.map(() => h("dd", {}));
    const figures = h("dl", { class: "figures" }, FIGURES.map((name, i) => h("div", {}, h("dt", {}, name), values[i])));
    const status = h("p", { class: "status", role: "status" });
    const legend = h("ul", { class: "legend" }, OUTCOMES.map(([name, text]) => h("li", {}, h("i", { class: name }), text)),
      h("li", {}, h("i", { class: "tick-mark" }), "update"));

    const draw = () => {
      chart.draw(server);
      histogram.draw(server.staleness);
      measures(server, settings()).forEach((text, i) => (values[i].textContent = text));
    };
    const say = () => {
      const { total, waitFor, takesStale } = rules(settings());
      const who = takesStale ? `${total} workers, every gradient is an update` : `${total} workers, an update takes the first ${waitFor}`;
      const stragglers = model.get("stragglers");
      const late = stragglers ? ` ${Math.round(100 * stragglers)} of 100 tasks straggle.` : "";
      status.textContent = `${who}.${late} After ${short(server.now)} units of time: ${server.updates} update${server.updates === 1 ? "" : "s"}.`;
    };
    const begin = () => {
      pause();
      server = makeServer(settings());
      server.runTo(WINDOW);
      controls.forEach((one) => one.follow());
      draw();
      say();
    };
    const restart = (changes) => {
      write(changes);
      begin();
      share();
    };
    const advance = (count) => {
      pause();
      server.runUpdates(count);
      draw();
      share();
      say();
    };
    const pause = () => {
      if (play.frame === null) return;
      cancelAnimationFrame(play.frame);
      play.frame = null;
      playButton.textContent = "Play";
      share();
      say();
    };
    const tick = (time) => {
      play.frame = requestAnimationFrame(tick);
      if (!el.isConnected) return pause();
      const passed = Math.min(0.1, (time - (play.last || time)) / 1000);
      play.last = time;
      server.runTo(server.now + SPEED * passed);
      return draw();
    };
    const start = () => {
      if (play.frame !== null) return pause();
      playButton.textContent = "Pause";
      play.last = 0;
      status.textContent = "Running …";
      play.frame = requestAnimationFrame(tick);
      return undefined;
    };

    const ranged = (name, label, min, max, step, format = String) => {
      const control = slider({ label, min, max, step, value: model.get(name), format, onInput: (value) => restart({ [name]: value }) });
      const follow = () => {
        control.set(model.get(name));
        control.input.disabled = name === "backups" && !["backup", "cut"].includes(model.get("policy"));
      };
      return { root: control.root, follow };
    };
    const policy = choice({ label: "Policy", options: POLICY_NAMES, value: model.get("policy"), onChange: (value) => restart({ policy: value }) });
    const controls = [
      { root: policy.root, follow: () => (policy.input.value = model.get("policy")) },
      ranged("workers", "Workers", 2, 20, 1),
      ranged("backups", "Backup workers", 0, 10, 1),
      ranged("spread", "Spread of times", 0, 1, 0.1, percent),
      ranged("stragglers", "Stragglers", 0, 0.2, 0.01, percent),
    ];
    const playButton = button("Play", start, { class: "primary" });
    playButton.hidden = reducedMotion();
    el.append(h("div", { class: "workers", role: "group", "aria-label": model.get("label") },
      h("div", { class: "controls" }, controls.map((one) => one.root)),
      h("div", { class: "buttons" }, playButton, button("Next update", () => advance(1)), button("100 updates", () => advance(100)),
        button("New times", () => restart({ seed: model.get("seed") + 1 }))),
      status, chart.root, legend,
      h("div", { class: "results" }, figures, histogram.root),
      h("p", { class: "muted" }, `A task takes one unit of time on average; a straggler ${model.get("slowdown")} times as long. Server and network take none.`)));

    const follow = () => isWriting || begin();
    names.forEach((name) => model.on(`change:${name}`, follow));
    begin();
    share();
    return () => {
      pause();
      names.forEach((name) => model.off(`change:${name}`, follow));
    };
  },
};
