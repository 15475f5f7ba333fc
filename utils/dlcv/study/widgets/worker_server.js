// The parameter server, event by event: the partner of dlcv.distributed.simulation.simulate.

// A number in (0, 1) that belongs to a seed, a worker and a count: the same in any order of asking.
function chance(seed, worker, count, stream) {
  const mix = (x) => {
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    return x ^ (x >>> 16);
  };
  let x = mix((seed + 0x9e3779b9) | 0);
  x = mix(x ^ Math.imul(worker + 1, 0x85ebca6b));
  x = mix(x ^ Math.imul(count + 1, 0xc2b2ae35));
  x = mix((x + Math.imul(stream + 1, 0x27d4eb2f)) | 0);
  return ((x >>> 0) + 0.5) / 2 ** 32;
}

function taskTime({ seed, spread, stragglers, slowdown }, worker, count) {
  const time = 1 - spread - spread * Math.log(chance(seed, worker, count, 0));
  return chance(seed, worker, count, 1) < stragglers ? time * slowdown : time;
}

const harmonic = (n) => (n ? 1 / n + harmonic(n - 1) : 0);

// What a policy means: how many workers there are, and for how many an update waits.
function rules({ policy, workers, backups }) {
  const spare = policy === "backup" || policy === "cut" ? backups : 0;
  return {
    total: workers + spare,
    waitFor: policy === "async" ? 1 : workers,
    takesStale: policy === "async",
    interrupts: policy === "cut",
  };
}

// The mean time between updates where a formula knows it (no stragglers, and a fresh start each time).
function theory(settings) {
  const { total, waitFor, takesStale } = rules(settings);
  if (settings.stragglers || settings.policy === "backup") return null;
  if (takesStale) return 1 / total;
  return 1 - settings.spread + settings.spread * (harmonic(total) - harmonic(total - waitFor));
}

function makeServer(settings) {
  const { total, waitFor, takesStale, interrupts } = rules(settings);
  const server = { now: 0, updates: 0, used: 0, dropped: 0, idle: 0, staleness: [], tasks: [], updateTimes: [], total };
  const busy = new Array(total).fill(null); // a worker's task, or null while it waits
  const begun = new Array(total).fill(0);
  let waiting = []; // [worker, since when]

  const begin = (worker, now) => {
    const end = now + taskTime(settings, worker, begun[worker]);
    begun[worker] += 1;
    busy[worker] = { worker, start: now, end, version: server.updates };
  };
  const next = () => busy.reduce((first, task) => (task && (!first || task.end < first.end) ? task : first), null);
  const finish = (task, end, outcome) => {
    busy[task.worker] = null;
    server.tasks.push({ ...task, end, outcome });
    if (outcome !== "used") server.dropped += 1;
  };
  const update = (now) => {
    server.updates += 1;
    server.updateTimes.push(now);
    if (interrupts) {
      for (const task of busy) {
        if (!task) continue;
        finish(task, now, "cut");
        waiting.push([task.worker, now]);
      }
    }
    for (const [worker, since] of waiting) {
      server.idle += now - since;
      begin(worker, now);
    }
    waiting = [];
  };

  server.nextTime = () => next().end;
  server.busy = () => busy.filter(Boolean);
  server.waiting = () => waiting;
  server.step = () => {
    const task = next();
    const late = server.updates - task.version;
    server.now = task.end;
    if (late && !takesStale) {
      finish(task, task.end, "dropped");
      return begin(task.worker, task.end);
    }
    finish(task, task.end, "used");
    server.used += 1;
    server.staleness[late] = (server.staleness[late] ?? 0) + 1;
    waiting.push([task.worker, task.end]);
    if (waiting.length === waitFor) update(task.end);
    return undefined;
  };
  server.runTo = (time) => {
    while (server.nextTime() <= time) server.step();
    server.now = time;
  };
  server.runUpdates = (count) => {
    const goal = server.updates + count;
    while (server.updates < goal) server.step();
  };
  server.forget = (before) => {
    server.tasks = server.tasks.filter(({ end }) => end >= before);
    server.updateTimes = server.updateTimes.filter((time) => time >= before);
  };
  for (let worker = 0; worker < total; worker++) begin(worker, 0);
  return server;
}
