// Decodes the embedded columns and arranges tasks in rows. No drawing, no DOM.
// Columns: null (no values), a number (constant), an array (null = none), {first, delta}.

const MACHINE = 0, RENEWABLE = 1, CONSUMABLE = 2, RESERVOIR = 3;
const KIND_WORDS = ["machine", "renewable", "consumable", "reservoir"];
const TIMING_WORDS = ["", "at start", "at end"];
const PRECEDENCE_WORDS = ["end → start", "start → start", "end → end", "start → end"];

function column(code, n) {
  const out = new Float64Array(n);
  if (code === null || code === undefined) return out.fill(NaN);
  if (typeof code === "number") return out.fill(code);
  if (Array.isArray(code)) {
    for (let i = 0; i < n; i++) out[i] = code[i] === null ? NaN : code[i];
    return out;
  }
  let value = code.first;
  const step = code.delta, constant = typeof step === "number";
  for (let i = 0; i < n; i++) {
    out[i] = value;
    value += constant ? step : step[i];
  }
  return out;
}

function names(code, n, jobNames, job) {
  if (Array.isArray(code)) return (i) => code[i];
  if (code.prefix !== undefined) return (i) => code.prefix + (code.first + i);
  const position = new Int32Array(n), next = new Map();
  for (let i = 0; i < n; i++) {
    const p = (next.get(job[i]) || 0) + 1;
    position[i] = p;
    next.set(job[i], p);
  }
  return (i) => jobNames(job[i]) + "." + position[i];
}

function spans(table) {
  const n = table.n;
  return {
    n,
    task: column(table.task, n),
    resource: column(table.resource, n),
    start: column(table.start, n),
    end: column(table.end, n),
  };
}

function decode(raw) {
  const jobCount = raw.jobs.n, n = raw.tasks.n;
  const job = column(raw.tasks.job, n);
  const jobName = names(raw.jobs.names, jobCount);
  const model = {
    raw, n, job, jobCount, jobName,
    start: raw.start, end: raw.end, makespan: raw.makespan,
    taskName: names(raw.tasks.names, n, jobName, job),
    taskStart: column(raw.tasks.start, n),
    mode: column(raw.tasks.mode, n),
    modes: column(raw.tasks.modes, n),
    taskLength: column(raw.tasks.length, n),
    rest: column(raw.tasks.rest, n),
    release: column(raw.tasks.release, n),
    due: column(raw.tasks.due, n),
    deadline: column(raw.tasks.deadline, n),
    slack: column(raw.tasks.slack, n),
    critical: new Uint8Array(n),
    hasCritical: raw.tasks.critical !== null,
    jobRelease: column(raw.jobs.release, jobCount),
    jobDue: column(raw.jobs.due, jobCount),
    jobDeadline: column(raw.jobs.deadline, jobCount),
    jobLane: column(raw.tasks.jobLane, n),
    resourceCount: raw.resources.n,
    resourceName: names(raw.resources.names, raw.resources.n),
    resourceKind: column(raw.resources.kind, raw.resources.n),
    resourceCalendar: column(raw.resources.calendar, raw.resources.n),
    setup: spans(raw.setup),
    blocked: spans(raw.blocked),
    suspended: spans(raw.suspended),
    breaks: raw.calendars.map((flat) => Float64Array.from(flat)),
  };
  model.taskEnd = model.taskStart.map((start, i) => start + model.taskLength[i]);
  for (const i of raw.tasks.critical || []) model.critical[i] = 1;
  const bars = raw.bars;
  model.bars = {
    n: bars.n,
    task: column(bars.task, bars.n),
    resource: column(bars.resource, bars.n),
    lane: column(bars.lane, bars.n),
    amount: column(bars.amount, bars.n),
  };
  model.demands = {
    n: raw.demands.n,
    task: column(raw.demands.task, raw.demands.n),
    resource: column(raw.demands.resource, raw.demands.n),
    amount: column(raw.demands.amount, raw.demands.n),
    timing: column(raw.demands.timing, raw.demands.n),
  };
  // Steps of the critical chain: arrows from the end of one task to the start of the next.
  model.chain = raw.chain.map(([source, target, cause, subject]) => ({ source, target, kind: 0, cause, subject }));
  model.barsOf = grouped(model.bars.task, n);
  model.demandsOf = grouped(model.demands.task, n);
  model.suspendedOf = grouped(model.suspended.task, n);
  return model;
}

// CSR of positions by key: rows of key k are order[ptr[k] .. ptr[k + 1]].
function grouped(keys, count) {
  const ptr = new Int32Array(count + 1), order = new Int32Array(keys.length);
  for (let i = 0; i < keys.length; i++) ptr[keys[i] + 1]++;
  for (let k = 0; k < count; k++) ptr[k + 1] += ptr[k];
  const next = ptr.slice(0, count);
  for (let i = 0; i < keys.length; i++) order[next[keys[i]]++] = i;
  return { ptr, order };
}

// Precedences by task, made when somebody first selects a task.
function relations(model) {
  if (!model.related) {
    const p = model.raw.precedences;
    const source = column(p.source, p.n), target = column(p.target, p.n);
    model.related = {
      source, target,
      kind: column(p.kind, p.n),
      minimum: column(p.minimum, p.n),
      maximum: column(p.maximum, p.n),
      into: grouped(target, model.n),
      out: grouped(source, model.n),
    };
  }
  return model.related;
}

function isPresent(model, task) {
  return model.mode[task] >= 0;
}

// ---- rows -------------------------------------------------------------------------------------

// Items of one row, sorted by start and disjoint, so both ends can be searched by bisection.
function rowItems(model, tasks) {
  const kept = Int32Array.from(tasks);
  const key = model.taskStart, end = model.taskEnd;
  kept.sort((a, b) => key[a] - key[b] || end[a] - end[b] || a - b);
  const begin = new Float64Array(kept.length), finish = new Float64Array(kept.length);
  for (let i = 0; i < kept.length; i++) {
    begin[i] = key[kept[i]];
    finish[i] = end[kept[i]];
  }
  return { task: kept, begin, finish };
}

function decorItems(table, rowsAt) {
  // rowsAt(k) gives the row of piece k; pieces become sorted lists on their rows.
  const byRow = new Map();
  for (let k = 0; k < table.n; k++) {
    const row = rowsAt(k);
    if (!row) continue;
    if (!byRow.has(row)) byRow.set(row, []);
    byRow.get(row).push(k);
  }
  return byRow;
}

function attachDecor(model, rows, rowOf) {
  for (const kind of ["setup", "blocked"]) {
    const table = model[kind];
    for (const [row, list] of decorItems(table, (k) => rowOf(table.task[k], table.resource[k], kind))) {
      list.sort((a, b) => table.start[a] - table.start[b]);
      row[kind] = {
        task: Int32Array.from(list, (k) => table.task[k]),
        begin: Float64Array.from(list, (k) => table.start[k]),
        finish: Float64Array.from(list, (k) => table.end[k]),
      };
    }
  }
  return rows;
}

function lanesInto(rows, byLane, make) {
  byLane.forEach((tasks, lane) => rows.push(make(tasks || [], lane)));
}

function laneLists(positions, lane, task) {
  const lists = [];
  for (const k of positions) {
    const l = lane[k];
    while (lists.length <= l) lists.push([]);
    lists[l].push(task ? task[k] : k);
  }
  return lists;
}

function rowsByResource(model, folded) {
  const rows = [], at = new Map();
  const byResource = grouped(model.bars.resource, model.resourceCount);
  const order = [];
  for (const kind of [MACHINE, RENEWABLE, RESERVOIR, CONSUMABLE]) {
    for (let r = 0; r < model.resourceCount; r++) if (model.resourceKind[r] === kind) order.push(r);
  }
  for (const r of order) {
    const name = model.resourceName(r), kind = model.resourceKind[r];
    const calendar = model.resourceCalendar[r];
    const positions = byResource.order.subarray(byResource.ptr[r], byResource.ptr[r + 1]);
    if (kind === RESERVOIR) rows.push({ type: "level", resource: r, label: name, calendar, size: 2.6 });
    if (kind === CONSUMABLE) rows.push({ type: "total", resource: r, label: name, calendar: -1, size: 1 });
    if (kind === RENEWABLE) {
      rows.push({
        type: "load", resource: r, label: name, calendar, size: 2,
        folds: "r" + r, folded: folded.has("r" + r), count: positions.length,
      });
      if (folded.has("r" + r)) continue;
    }
    if (kind === MACHINE || kind === RENEWABLE) {
      const lists = laneLists(positions, model.bars.lane, model.bars.task);
      if (!lists.length && kind === MACHINE) lists.push([]);
      lanesInto(rows, lists, (tasks, lane) => {
        const row = {
          type: "bars", resource: r, lane, calendar,
          label: kind === MACHINE && lane === 0 ? name : "",
          note: kind === MACHINE && lane > 0 ? "overlap!" : "",
          items: rowItems(model, tasks),
          size: kind === MACHINE ? 1 : 0.72,
          inner: kind === RENEWABLE,
        };
        for (const i of tasks) at.set(i * model.resourceCount + r, row);
        return row;
      });
    }
  }
  const loose = model.raw.loose;
  if (loose.n) {
    const task = column(loose.task, loose.n), lane = column(loose.lane, loose.n);
    const all = Array.from(task.keys());
    lanesInto(rows, laneLists(all, lane, task), (tasks, k) => ({
      type: "bars", resource: -1, calendar: -1, lane: k,
      label: k === 0 ? "no resource" : "", items: rowItems(model, tasks), size: 0.8, soft: true,
    }));
  }
  return attachDecor(model, rows, (i, r) => at.get(i * model.resourceCount + r));
}

function rowsByJob(model) {
  const rows = [], at = new Map();
  const members = Array.from({ length: model.jobCount + 1 }, () => []);
  for (let i = 0; i < model.n; i++) {
    if (isPresent(model, i)) members[model.job[i] < 0 ? model.jobCount : model.job[i]].push(i);
  }
  members.forEach((list, j) => {
    const own = j < model.jobCount;
    if (!list.length && !own) return;
    const lists = laneLists(list, model.jobLane, null);
    if (!lists.length) lists.push([]);
    lanesInto(rows, lists, (tasks, lane) => {
      const row = {
        type: "bars", job: own ? j : -1, calendar: -1, resource: -1, lane,
        label: lane ? "" : own ? model.jobName(j) : "no job",
        items: rowItems(model, tasks), size: 1, soft: !own,
      };
      for (const i of tasks) at.set(i, row);
      return row;
    });
  });
  return attachDecor(model, rows, (i, r, kind) => (kind === "blocked" ? at.get(i) : undefined));
}

function rowsByTask(model) {
  const list = [];
  for (let i = 0; i < model.n; i++) if (isPresent(model, i)) list.push(i);
  list.sort((a, b) => model.taskStart[a] - model.taskStart[b]
    || model.taskEnd[a] - model.taskEnd[b] || a - b);
  const rows = [], at = new Map();
  for (const i of list) {
    const row = {
      type: "bars", job: model.job[i], resource: -1, calendar: -1, lane: 0,
      label: model.taskName(i), items: rowItems(model, [i]), size: 1,
    };
    at.set(i, row);
    rows.push(row);
  }
  return attachDecor(model, rows, (i) => at.get(i));
}

// First position whose value is > x in a sorted array.
function bisect(sorted, x) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] > x) high = middle;
    else low = middle + 1;
  }
  return low;
}
