// What lies on the time axis of a row: bars, milestones, setups, due dates, arrows.
// Each function draws on the Painter p.

// Bars of all shown rows, collected by style so that the fill changes rarely.
function drawBars(p, shown) {
  const c = p.c, view = p.view, model = p.model;
  const shades = p.palette.length;
  const styles = shades * p.hatches;
  const lists = (count) => Array.from({ length: count }, () => []);
  const plain = lists(shades), dim = lists(shades), hatched = lists(styles);
  const texts = [], outlines = [], diamonds = [], rests = [];
  const left = view.left - 4, right = view.width + 4, from = view.from, scale = view.scale;
  for (const { row, y, h } of shown) {
    const { task, begin, finish } = row.items;
    // Whole pixels look crisp and are painted faster.
    const top = Math.round(y + Math.max(1, h * 0.09));
    const height = Math.round(Math.max(2, h - Math.max(2, h * 0.18) - 1));
    drawDecor(p, row, top, height);
    let k = bisect(finish, view.from);
    while (k > 0 && finish[k - 1] >= view.from - 8 / scale && begin[k - 1] === finish[k - 1]) k--;
    // Pixel up to which a row is covered, and the last diamond, apart for bright and dim tasks.
    const covered = [-Infinity, -Infinity], stone = [-Infinity, -Infinity];
    for (; k < task.length && begin[k] <= view.to; k++) {
      const i = task[k], bright = view.bright(i), side = bright ? 1 : 0;
      const a = view.left + (begin[k] - from) * scale;
      if (begin[k] === finish[k]) {
        if (a - stone[side] < 0.5) continue;
        stone[side] = a;
        diamonds.push(i, a, y + h / 2, Math.min(height, 16) / 2, bright);
        continue;
      }
      const b = view.left + (finish[k] - from) * scale;
      let x = Math.max(a, left), w = Math.min(b, right) - x;
      if (b - a < 3) {
        x = Math.round(a);
        const end = Math.max(Math.round(b), x + 1);
        if (end <= covered[side]) continue;
        covered[side] = end;
        w = end - x;
      } else {
        w -= 1;
      }
      const style = p.style[i];
      if (b - a > 4 && model.suspendedOf.ptr[i] < model.suspendedOf.ptr[i + 1]) {
        rests.push(i, top, height, bright);
      } else {
        (bright ? plain : dim)[style % shades].push(x, top, w, height);
        if (bright && w > 11 && style >= shades) hatched[style].push(x, top, w, height);
      }
      if (!bright) continue;
      if (view.mark[i] > 1 || (view.showCritical && model.critical[i]) || i === view.hover) {
        outlines.push(i, x, top, w, height);
      }
      if (w > 20 && height >= 9) {
        const seen = Math.max(x, view.left);
        texts.push(i, seen, top, x + w - seen, height);
      }
    }
  }
  const flush = (kinds, fill) => kinds.forEach((list, key) => {
    if (!list.length) return;
    c.fillStyle = fill(key);
    for (let q = 0; q < list.length; q += 4) c.fillRect(list[q], list[q + 1], list[q + 2], list[q + 3]);
  });
  c.globalAlpha = 0.26;
  flush(dim, (key) => p.palette[key]);
  c.globalAlpha = 1;
  flush(plain, (key) => p.palette[key]);
  for (let q = 0; q < rests.length; q += 4) drawResting(p, rests[q], rests[q + 1], rests[q + 2], rests[q + 3]);
  c.globalAlpha = 0.42;
  flush(hatched, (key) => p.pattern(Math.floor(key / shades), p.inks[key % shades]));
  c.globalAlpha = 1;
  for (let q = 0; q < diamonds.length; q += 5) {
    drawDiamond(p, diamonds[q], diamonds[q + 1], diamonds[q + 2], diamonds[q + 3], diamonds[q + 4]);
  }
  for (let q = 0; q < outlines.length; q += 5) {
    drawOutline(p, outlines[q], outlines[q + 1], outlines[q + 2], outlines[q + 3], outlines[q + 4]);
  }
  drawTexts(p, texts);
}

function drawTexts(p, list) {
  const c = p.c, shades = p.palette.length;
  c.textBaseline = "middle";
  c.textAlign = "left";
  for (let q = 0; q < list.length; q += 5) {
    const i = list[q], x = list[q + 1], w = list[q + 3], h = list[q + 4];
    c.font = `${Math.min(11, Math.max(9, Math.floor(h * 0.62)))}px ${p.theme.font}`;
    const name = p.model.taskName(i);
    let shown = name;
    if (p.textWidth(name) > w - 7) {
      c.font = `9px ${p.theme.font}`;
      shown = p.shortName(name, w - 5);
      if (!shown) continue;
    }
    const style = p.style[i], ink = p.inks[style % shades];
    const y = list[q + 2] + h / 2 + 0.5;
    if (style >= shades) {
      c.fillStyle = p.palette[style % shades];
      const tall = Math.min(h, 14);
      c.fillRect(x + 2, y - tall / 2, p.textWidth(shown) + 3, tall);
    }
    c.fillStyle = ink;
    c.fillText(shown, x + 3.5, y);
  }
}

// A task that its calendars interrupt: full height while it works, a thin bar while it rests.
function drawResting(p, i, top, height, bright) {
  const c = p.c, model = p.model;
  c.globalAlpha = bright ? 1 : 0.26;
  c.fillStyle = p.palette[p.style[i] % p.palette.length];
  let from = model.taskStart[i];
  const of = model.suspendedOf;
  for (let q = of.ptr[i]; q <= of.ptr[i + 1]; q++) {
    const last = q === of.ptr[i + 1];
    const piece = last ? -1 : of.order[q];
    const until = last ? model.taskEnd[i] : model.suspended.start[piece];
    const a = p.x(from), b = p.x(until);
    if (until > from) c.fillRect(a, top, Math.max(1, b - a), height);
    if (last) break;
    const e = p.x(model.suspended.end[piece]);
    c.fillRect(b, top + height * 0.4, e - b, Math.max(1.5, height * 0.2));
    from = model.suspended.end[piece];
  }
  c.globalAlpha = 1;
}

function drawDecor(p, row, top, height) {
  for (const kind of ["setup", "blocked"]) {
    const list = row[kind];
    if (!list) continue;
    const c = p.c, view = p.view;
    let last = -1;
    for (let k = bisect(list.finish, view.from); k < list.begin.length && list.begin[k] <= view.to; k++) {
      const a = p.x(list.begin[k]), b = p.x(list.finish[k]);
      if (b - a < 1 && Math.floor(a) === last) continue;
      last = Math.floor(a);
      const w = Math.max(1, b - a - (b - a > 3 ? 1 : 0));
      c.globalAlpha = view.bright(list.task[k]) ? 1 : 0.25;
      if (kind === "setup") {
        c.fillStyle = p.theme.setup;
        c.fillRect(a, top + height * 0.28, w, height * 0.44);
        if (w > 4) {
          c.fillStyle = p.pattern(5, p.theme.ground);
          c.fillRect(a, top + height * 0.28, w, height * 0.44);
        }
      } else {
        const colour = p.palette[p.style[list.task[k]] % p.palette.length];
        c.fillStyle = p.pattern(1, colour);
        c.fillRect(a, top, w, height);
        if (w > 3) {
          c.strokeStyle = colour;
          c.lineWidth = 1;
          c.strokeRect(a + 0.5, top + 0.5, w - 1, height - 1);
        }
      }
      c.globalAlpha = 1;
    }
  }
}

function drawDiamond(p, i, x, y, r, bright) {
  const c = p.c;
  c.globalAlpha = bright ? 1 : 0.25;
  c.beginPath();
  c.moveTo(x, y - r);
  c.lineTo(x + r, y);
  c.lineTo(x, y + r);
  c.lineTo(x - r, y);
  c.closePath();
  c.fillStyle = p.palette[p.style[i] % p.palette.length];
  c.fill();
  const strong = p.view.mark[i] > 1 || i === p.view.hover
    || (p.view.showCritical && p.model.critical[i]);
  c.strokeStyle = p.theme.ink;
  c.lineWidth = strong ? 2.4 : 1;
  c.stroke();
  c.globalAlpha = 1;
}

function drawOutline(p, i, x, y, w, h) {
  const c = p.c, mark = p.view.mark[i];
  if (w < 9) {
    c.fillStyle = p.theme.ink;
    c.fillRect(x, y, Math.max(1, w), 2);
    c.fillRect(x, y + h - 2, Math.max(1, w), 2);
    return;
  }
  c.strokeStyle = p.theme.ink;
  c.lineWidth = mark === MARK.SELECTED ? 3 : 2;
  c.setLineDash(mark === MARK.BEFORE ? [5, 3] : mark === MARK.AFTER ? [2, 2] : []);
  c.strokeRect(x + 1, y + 1, w - 2, h - 2);
  c.setLineDash([]);
}

function drawMarkers(p, shown) {
  const c = p.c, view = p.view, model = p.model;
  const x = Math.round(p.x(model.makespan));
  c.strokeStyle = p.theme.ink;
  c.lineWidth = 1.5;
  c.setLineDash([6, 4]);
  c.beginPath();
  c.moveTo(x + 0.5, AXIS_HEIGHT);
  c.lineTo(x + 0.5, view.bottom);
  c.stroke();
  c.setLineDash([]);
  for (const { row, y, h } of shown) {
    if (row.job === undefined || row.lane) continue;
    if (row.job >= 0) drawDue(p, model.jobDue[row.job], row.items, y, h);
    if (row.items.task.length === 1) drawDue(p, model.due[row.items.task[0]], row.items, y, h);
  }
  if (view.selected >= 0) {
    const i = view.selected;
    const due = Number.isFinite(model.due[i]) ? model.due[i] : model.jobDue[model.job[i]];
    if (Number.isFinite(due)) {
      c.fillStyle = p.theme.over;
      c.fillRect(Math.round(p.x(due)), AXIS_HEIGHT, 1.5, view.bottom - AXIS_HEIGHT);
    }
  }
}

// A flag at a due date: hollow when met, filled when late.
function drawDue(p, time, items, y, h) {
  if (!Number.isFinite(time)) return;
  const c = p.c, x = p.x(time);
  if (x < p.view.left - 9 || x > p.view.width + 9) return;
  let done = -Infinity;
  for (const end of items.finish) if (end > done) done = end;
  c.strokeStyle = c.fillStyle = done > time ? p.theme.over : p.theme.ink;
  c.lineWidth = 1.5;
  c.beginPath();
  c.moveTo(x, y + h - 1);
  c.lineTo(x, y + 2);
  c.lineTo(x + 7, y + 2 + Math.min(5, h / 4));
  c.lineTo(x, y + 2 + Math.min(10, h / 2));
  if (done > time) c.fill();
  c.stroke();
}

// Arrows from the selected task's predecessors and to its successors, or along the critical
// chain. A row out of sight still gives its arrows a direction.
function drawArrows(p) {
  const view = p.view;
  const list = view.selected >= 0 ? view.relations : view.showCritical ? p.model.chain : [];
  const c = p.c;
  c.lineWidth = view.selected >= 0 ? 1.6 : 1.2;
  c.strokeStyle = c.fillStyle = p.theme.ink;
  for (const r of list) {
    const y0 = view.middle(r.source), y1 = view.middle(r.target);
    if (y0 === undefined || y1 === undefined) continue;
    if (Math.max(y0, y1) < AXIS_HEIGHT || Math.min(y0, y1) > view.bottom) continue;
    const kind = r.kind;
    const x0 = p.x(kind === 1 || kind === 3 ? p.model.taskStart[r.source] : p.model.taskEnd[r.source]);
    const x1 = p.x(kind === 2 || kind === 3 ? p.model.taskEnd[r.target] : p.model.taskStart[r.target]);
    if (Math.max(x0, x1) < view.left - 20 || Math.min(x0, x1) > view.width + 20) continue;
    if (Math.abs(x1 - x0) < 3 && y0 === y1) continue;
    const reach = Math.max(14, Math.min(60, Math.abs(x1 - x0) / 2));
    c.beginPath();
    c.moveTo(x0, y0);
    c.bezierCurveTo(x0 + reach, y0, x1 - reach, y1, x1 - 5, y1);
    c.stroke();
    c.beginPath();
    c.moveTo(x1, y1);
    c.lineTo(x1 - 8, y1 - 4);
    c.lineTo(x1 - 8, y1 + 4);
    c.fill();
  }
}
