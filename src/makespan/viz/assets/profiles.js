// Rows of resources that are not machines: usage against capacity, reservoir levels, totals.
// Each function draws on the Painter p.

// Visits (x0, x1, value, is last) of the visible part of a step function.
function eachStep(p, steps, visit) {
  const view = p.view;
  let k = Math.max(0, bisect(steps.time, view.from) - 1);
  for (; k < steps.time.length && steps.time[k] < view.to; k++) {
    const a = Math.max(p.x(steps.time[k]), view.left - 2);
    const b = k + 1 < steps.time.length ? p.x(steps.time[k + 1]) : p.x(p.model.end);
    visit(a, Math.min(Math.max(b, a), view.width + 2), steps.value[k], k + 1 === steps.time.length);
  }
}

function drawLoad(p, { row, y, h }) {
  const c = p.c, load = p.model.raw.load[row.resource], limit = p.model.raw.limit[row.resource];
  const peak = Math.max(1, row.peak || (row.peak = Math.max(...extremes(load.value), ...extremes(limit.value))));
  const foot = y + h - 2, tall = h - 7;
  const height = (v) => (v / peak) * tall;
  c.fillStyle = p.theme.load;
  eachStep(p, load, (a, b, v) => c.fillRect(a, foot - height(v), Math.max(b - a, 0.7), height(v)));
  // Overload: the part of the load above the capacity in force, over the common steps.
  const over = row.over || (row.over = above(load, limit, p.model.end));
  for (const [from, to, low, high] of over) {
    if (to <= p.view.from || from >= p.view.to) continue;
    const a = p.x(from), w = Math.max(p.x(to) - a, 1.5);
    c.fillStyle = p.theme.over;
    c.fillRect(a, foot - height(high), w, height(high - low));
    c.fillStyle = p.pattern(1, p.theme.ground);
    c.fillRect(a, foot - height(high), w, height(high - low));
  }
  c.strokeStyle = p.theme.limit;
  c.lineWidth = 1.6;
  c.beginPath();
  let begun = false;
  eachStep(p, limit, (a, b, v, last) => {
    const level = foot - height(v);
    if (begun) c.lineTo(a, level);
    else c.moveTo(a, level);
    c.lineTo(last ? p.view.width : b, level);
    begun = true;
  });
  c.stroke();
}

function drawLevel(p, { row, y, h }) {
  const c = p.c, raw = p.model.raw, r = row.resource;
  const steps = raw.level[r];
  const low = raw.resources.minimum[r], high = raw.resources.capacity[r];
  if (row.top === undefined) {
    const [least, most] = extremes(steps.value);
    row.bottom = Math.min(least, low === null ? least : low);
    row.top = Math.max(most, high === null ? most : high, row.bottom + 1);
  }
  const foot = y + h - 5, tall = h - 12;
  const at = (v) => foot - ((v - row.bottom) / (row.top - row.bottom)) * tall;
  eachStep(p, steps, (a, b, v) => {
    const bad = (low !== null && v < low) || (high !== null && v > high);
    c.fillStyle = bad ? p.theme.over : p.theme.load;
    c.fillRect(a, at(v), Math.max(b - a, 0.7), foot - at(v));
    c.fillStyle = p.theme.limit;
    c.fillRect(a, at(v) - 1, Math.max(b - a, 1), 2);
  });
  c.setLineDash([4, 3]);
  c.strokeStyle = p.theme.soft;
  c.lineWidth = 1;
  for (const bound of [low, high]) {
    if (bound === null) continue;
    c.beginPath();
    c.moveTo(p.view.left, Math.round(at(bound)) + 0.5);
    c.lineTo(p.view.width, Math.round(at(bound)) + 0.5);
    c.stroke();
  }
  c.setLineDash([]);
}

function drawTotal(p, { row, y, h }) {
  const c = p.c, raw = p.model.raw.resources, r = row.resource;
  const room = Math.min(320, Math.max(40, p.view.width - p.view.left - 150));
  const full = raw.capacity[r], used = raw.used[r];
  const share = full ? used / full : used > 0 ? 1 : 0;
  const x = p.view.left + 8, top = y + h * 0.3, tall = h * 0.4;
  c.fillStyle = p.theme.line;
  c.fillRect(x, top, room, tall);
  c.fillStyle = share > 1 ? p.theme.over : p.theme.load;
  c.fillRect(x, top, room * Math.min(1, share), tall);
  c.fillStyle = p.theme.ink;
  c.font = `11px ${p.theme.font}`;
  c.textBaseline = "middle";
  c.fillText(`${grouping(used)} of ${full === null ? "∞" : grouping(full)} used`, x + room + 8, y + h / 2);
}

function extremes(values) {
  let low = Infinity, high = -Infinity;
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return [low, high];
}

// Parts of one step function above another: [from, to, limit, value].
function above(load, limit, end) {
  const out = [];
  let q = 0;
  for (let k = 0; k < load.time.length; k++) {
    let from = load.time[k];
    const until = k + 1 < load.time.length ? load.time[k + 1] : end;
    while (from < until) {
      while (q + 1 < limit.time.length && limit.time[q + 1] <= from) q++;
      const to = q + 1 < limit.time.length ? Math.min(until, limit.time[q + 1]) : until;
      if (load.value[k] > limit.value[q]) out.push([from, to, limit.value[q], load.value[k]]);
      from = to;
    }
  }
  return out;
}
