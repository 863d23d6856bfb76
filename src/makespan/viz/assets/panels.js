// Tooltip, details of the selected task, legend. All text goes in as text nodes, never as markup.

function lines(model, axis, task, piece) {
  const out = [], add = (label, value) => out.push([label, value]);
  const start = model.taskStart[task], end = model.taskEnd[task], j = model.job[task];
  if (piece !== "run") {
    const table = model[piece];
    for (let k = 0; k < table.n; k++) {
      if (table.task[k] !== task) continue;
      add(piece, `${axis.text(table.start[k])} – ${axis.text(table.end[k])} on ${model.resourceName(table.resource[k])}`);
    }
  }
  if (j >= 0) add("job", model.jobName(j));
  if (model.modes[task] > 1) add("mode", `${model.mode[task] + 1} of ${model.modes[task]}`);
  add("start", axis.fullText(start));
  if (end > start) {
    add("end", axis.fullText(end));
    add("duration", axis.length(end - start) + (model.rest[task] > 0 ? `, ${axis.length(end - start - model.rest[task])} of work` : ""));
  } else {
    add("kind", "milestone");
  }
  const held = [];
  for (let q = model.barsOf.ptr[task]; q < model.barsOf.ptr[task + 1]; q++) {
    const b = model.barsOf.order[q], r = model.bars.resource[b];
    held.push(model.resourceName(r) + (model.resourceKind[r] === MACHINE ? "" : ` × ${grouping(model.bars.amount[b])}`));
  }
  for (let q = model.demandsOf.ptr[task]; q < model.demandsOf.ptr[task + 1]; q++) {
    const d = model.demandsOf.order[q], r = model.demands.resource[d], amount = model.demands.amount[d];
    const sign = model.resourceKind[r] === RESERVOIR && amount > 0 ? "+" : "";
    held.push(`${model.resourceName(r)} ${sign}${grouping(amount)} ${TIMING_WORDS[model.demands.timing[d]]}`.trim());
  }
  if (held.length) add(held.length > 1 ? "resources" : "resource", held.join(", "));
  const window = (name, own, jobs) => {
    if (Number.isFinite(own) && !(name === "release" && own <= 0)) {
      add(name, axis.text(own) + (name !== "release" && own > end ? `, ${axis.length(own - end)} later` : ""));
    }
    if (j >= 0 && Number.isFinite(jobs[j]) && !(name === "release" && jobs[j] <= 0)) add(`job ${name}`, axis.text(jobs[j]));
  };
  window("release", model.release[task], model.jobRelease);
  window("due", model.due[task], model.jobDue);
  window("deadline", model.deadline[task], model.jobDeadline);
  if (end > model.due[task]) add("late by", axis.length(end - model.due[task]));
  const done = j >= 0 && Number.isFinite(model.jobDue[j]) ? completion(model, j) : -Infinity;
  if (done > model.jobDue[j]) add("job late by", axis.length(done - model.jobDue[j]));
  if (Number.isFinite(model.slack[task])) add("slack", axis.length(model.slack[task]));
  if (model.hasCritical && model.critical[task]) {
    const push = model.chain.find((step) => step.source === task);
    add("critical", push ? `pushes ${model.taskName(push.target)} (${push.cause} ${push.subject})` : "yes");
  }
  return out;
}

function completion(model, job) {
  let last = -Infinity;
  for (let i = 0; i < model.n; i++) {
    if (model.job[i] === job && isPresent(model, i)) last = Math.max(last, model.taskEnd[i]);
  }
  return last;
}

function fillList(holder, pairs) {
  const list = document.createElement("dl");
  for (const [label, value] of pairs) {
    const term = document.createElement("dt"), text = document.createElement("dd");
    term.textContent = label;
    text.textContent = value;
    list.append(term, text);
  }
  holder.append(list);
}

function showTip(view, found, x, y) {
  const tip = view.tip, model = view.model;
  tip.textContent = "";
  const title = document.createElement("strong");
  if (found.task >= 0) {
    title.textContent = model.taskName(found.task);
    tip.append(title);
    fillList(tip, lines(model, view.axis, found.task, found.piece));
  } else if (found.row.type === "load" || found.row.type === "level") {
    const r = found.row.resource, raw = model.raw;
    const steps = found.row.type === "load" ? raw.load[r] : raw.level[r];
    const value = steps.value[bisect(steps.time, found.time) - 1];
    if (value === undefined) return hideTip(view);
    title.textContent = model.resourceName(r);
    tip.append(title);
    const pairs = [["at", view.axis.text(Math.floor(found.time))]];
    if (found.row.type === "load") {
      const limit = raw.limit[r].value[bisect(raw.limit[r].time, found.time) - 1];
      pairs.push(["in use", `${grouping(value)} of ${grouping(limit)}`]);
      if (value > limit) pairs.push(["overload", grouping(value - limit)]);
    } else {
      pairs.push(["level", grouping(value)]);
      pairs.push(["allowed", `${grouping(raw.resources.minimum[r])} to ${raw.resources.capacity[r] === null ? "∞" : grouping(raw.resources.capacity[r])}`]);
    }
    fillList(tip, pairs);
  } else {
    return hideTip(view);
  }
  tip.hidden = false;
  const box = tip.getBoundingClientRect(), room = document.documentElement;
  tip.style.left = Math.max(4, x + 16 + box.width > room.clientWidth ? x - box.width - 12 : x + 16) + "px";
  tip.style.top = Math.max(4, Math.min(y + 16, room.clientHeight - box.height - 6)) + "px";
}

function hideTip(view) {
  view.tip.hidden = true;
}

function showDetails(view, task) {
  const panel = document.getElementById("details"), live = document.getElementById("live");
  const model = view.model;
  panel.hidden = task < 0;
  const middle = task < 0 ? 0 : (model.taskStart[task] + model.taskEnd[task]) / 2;
  panel.classList.toggle("left", middle > view.from + (view.to - view.from) * 0.6);
  panel.textContent = "";
  if (task < 0) {
    live.textContent = "Selection cleared";
    return;
  }
  const pairs = lines(model, view.axis, task, "run");
  const title = document.createElement("h2");
  title.textContent = model.taskName(task);
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", "Clear the selection");
  close.addEventListener("click", () => view.select(-1));
  panel.append(close, title);
  fillList(panel, pairs);
  for (const [word, end, near] of [["after", "source", "target"], ["before", "target", "source"]]) {
    const list = view.relations.filter((r) => r[near] === task);
    if (!list.length) continue;
    const head = document.createElement("h3");
    head.textContent = `comes ${word}`;
    const items = document.createElement("ul");
    for (const r of list.slice(0, 30)) {
      const item = document.createElement("li"), link = document.createElement("button");
      link.type = "button";
      link.className = "link";
      link.textContent = model.taskName(r[end]);
      link.addEventListener("click", () => {
        view.select(r[end]);
        view.reveal(r[end]);
      });
      item.append(link);
      const notes = [];
      if (r.kind) notes.push(PRECEDENCE_WORDS[r.kind]);
      if (r.minimum) notes.push(`lag ≥ ${grouping(r.minimum)}`);
      if (Number.isFinite(r.maximum)) notes.push(`lag ≤ ${grouping(r.maximum)}`);
      if (notes.length) item.append(" " + notes.join(", "));
      items.append(item);
    }
    if (list.length > 30) items.append(`… and ${list.length - 30} more`);
    panel.append(head, items);
  }
  live.textContent = `${model.taskName(task)}: ` + pairs.map(([a, b]) => `${a} ${b}`).join(", ");
}

// What the drawing uses, each with a small sample.
function legendEntries(model) {
  const out = [], h = 14;
  const bar = (index) => (c, p) => {
    const shades = p.palette.length;
    c.fillStyle = p.palette[index % shades];
    c.fillRect(1, 1, 24, h - 2);
    if (index >= shades) {
      c.globalAlpha = 0.42;
      c.fillStyle = c.createPattern(hatchTile(Math.floor(index / shades) % p.hatches, p.inks[index % shades]), "repeat");
      c.fillRect(1, 1, 24, h - 2);
      c.globalAlpha = 1;
    }
  };
  const most = 12;
  for (let j = 0; j < Math.min(model.jobCount, most); j++) out.push({ label: model.jobName(j), draw: bar(j) });
  if (model.jobCount > most) out.push({ label: `… ${grouping(model.jobCount)} jobs`, draw: bar(most) });
  if (!model.jobCount && model.n) out.push({ label: "task, coloured by turns", draw: bar(0) });
  let stones = false;
  for (let i = 0; i < model.n && !stones; i++) stones = isPresent(model, i) && model.taskStart[i] === model.taskEnd[i];
  if (stones) {
    out.push({
      label: "milestone",
      draw: (c, p) => {
        c.translate(13, 7);
        c.rotate(Math.PI / 4);
        c.fillStyle = p.theme.soft;
        c.fillRect(-4, -4, 8, 8);
      },
    });
  }
  if (model.setup.n) {
    out.push({
      label: "setup",
      draw: (c, p) => {
        c.fillStyle = p.theme.setup;
        c.fillRect(1, 4, 24, 6);
        c.fillStyle = c.createPattern(hatchTile(5, p.theme.ground), "repeat");
        c.fillRect(1, 4, 24, 6);
      },
    });
  }
  if (model.blocked.n) {
    out.push({
      label: "done, blocks its machine",
      draw: (c, p) => {
        c.fillStyle = c.createPattern(hatchTile(1, p.theme.soft), "repeat");
        c.fillRect(1, 1, 24, h - 2);
        c.strokeStyle = p.theme.soft;
        c.strokeRect(1.5, 1.5, 23, h - 3);
      },
    });
  }
  if (model.suspended.n) {
    out.push({
      label: "rests in a break",
      draw: (c, p) => {
        c.fillStyle = p.theme.soft;
        c.fillRect(1, 1, 7, h - 2);
        c.fillRect(1, 6, 24, 2);
        c.fillRect(18, 1, 7, h - 2);
      },
    });
  }
  const plain = (label, key, extra) => out.push({
    label,
    draw: (c, p) => {
      c.fillStyle = p.theme[key];
      c.fillRect(1, 1, 24, h - 2);
      if (extra) extra(c, p);
    },
  });
  if (model.breaks.some((b) => b.length)) plain("break of a calendar", "down");
  if (Object.keys(model.raw.load).length) {
    plain("usage, capacity line, overload", "load", (c, p) => {
      c.fillStyle = p.theme.over;
      c.fillRect(17, 1, 8, 5);
      c.fillStyle = p.theme.limit;
      c.fillRect(1, 5, 24, 2);
    });
  }
  if (model.hasCritical) {
    out.push({
      label: "critical (when switched on)",
      draw: (c, p) => {
        bar(0)(c, p);
        c.strokeStyle = p.theme.ink;
        c.lineWidth = 2;
        c.strokeRect(2, 2, 22, h - 4);
      },
    });
  }
  let due = model.jobDue.some((d) => Number.isFinite(d)) || model.due.some((d) => Number.isFinite(d));
  if (due) {
    out.push({
      label: "due date (filled: late)",
      draw: (c, p) => {
        c.strokeStyle = p.theme.over;
        c.lineWidth = 1.5;
        c.beginPath();
        c.moveTo(10, h - 1);
        c.lineTo(10, 2);
        c.lineTo(17, 5);
        c.lineTo(10, 8);
        c.stroke();
      },
    });
  }
  return out;
}
