"use strict";
// Sorting of tables, and the panels that show where a number comes from. Text only ever enters as text.
const lineage = JSON.parse(document.getElementById("lineage").textContent);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

// Sorting

function sortKey(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.sort !== undefined) return Number(cell.dataset.sort);
  const text = cell.textContent.trim();
  return text === "" || cell.dataset.lineage !== undefined && /^[–\s]/.test(text) ? null : text;
}

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), "en", { numeric: true });
}

function sortBy(table, column, descending) {
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => [sortKey(row, column), row]);
  keyed.sort(([one], [other]) => {
    if (one === null || other === null) return (one === null) - (other === null); // what is undefined stays last
    return descending ? compare(other, one) : compare(one, other);
  });
  body.append(...keyed.map(([, row]) => row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = element("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const isNumber = [...table.tBodies[0].rows].some((row) => row.cells[column].dataset.sort !== undefined);
      const before = head.getAttribute("aria-sort");
      const descending = before === "none" ? isNumber : before === "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortBy(table, column, descending);
    });
  });
}

// Lineage

const CHAIN = ["tables", "figures", "collect", "student", "saliency", "teacher_outputs", "teacher", "probe", "features",
  "tokenizer", "prepare", "fetch"];

function folder(record) {
  return record.replace(/\/record\.json$/, "");
}

function pairs(content) {
  const list = element("dl");
  for (const [name, value] of Object.entries(content)) {
    if (value === null || value === undefined || value === "") continue;
    list.append(element("dt", {}, name), element("dd", {}, value instanceof Node ? value : String(value)));
  }
  return list;
}

function flat(value, prefix = "") {
  if (value === null || typeof value !== "object") return { [prefix || "value"]: value };
  if (Array.isArray(value) && value.every((item) => item === null || typeof item !== "object" || "name" in item)) {
    return { [prefix]: value.map((item) => item?.name ?? item).join(", ") };
  }
  return Object.assign({}, ...Object.entries(value).map(([key, item]) => flat(item, prefix ? `${prefix}.${key}` : key)));
}

function grid(caption, heads, rows) {
  const head = element("tr", {}, ...heads.map((name) => element("th", { scope: "col" }, name)));
  const lines = rows.map((row) => element("tr", {}, ...row.map((item) => element("td", {}, item))));
  const table = element("table", {}, element("caption", { className: "from" }, caption),
    element("thead", {}, head), element("tbody", {}, ...lines));
  const box = element("div", { className: "scroll", tabIndex: 0 }, table);
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", caption);
  return box;
}

function madeFrom(record) {
  return [...new Set(lineage.records[record].inputs.map((place) => lineage.files[place][3]))]
    .filter((name) => name !== null && name in lineage.records);
}

function ancestors(names) {
  const found = new Set(names); // grows while it is read
  for (const name of found) madeFrom(name).forEach((parent) => found.add(parent));
  const order = (name) => (CHAIN.indexOf(lineage.records[name].rule) + 1) || CHAIN.length + 1;
  return [...found].sort((one, other) => order(one) - order(other) || (one < other ? -1 : 1));
}

function fileTable(places, caption) {
  return grid(caption, ["File", "Bytes", "SHA-256"], places.map((place) => {
    const [path, sha256, bytes] = lineage.files[place];
    return [element("code", {}, path), bytes.toLocaleString("en"), element("code", {}, sha256)];
  }));
}

function sourceTable(records) {
  const rows = records.filter((name) => name in lineage.sources).flatMap((name) => {
    const source = lineage.sources[name];
    return source.files.map((file) => [source.name, file.file, [file.package, file.version].filter(Boolean).join(" ") ||
      file.origin, source.licence.name, element("code", {}, file.sha256)]);
  });
  return rows.length ? grid("Data and pretrained weights that this rests on",
    ["Name", "File", "Version", "Licence", "SHA-256"], rows) : null;
}

function recordPart(name, isOpen = false) {
  const record = lineage.records[name];
  const git = lineage.environments[record.environment].git;
  const modules = Object.keys(lineage.code[record.code]);
  const part = element("details", { open: isOpen }, element("summary", {}, `${record.rule}: `,
    element("code", {}, folder(name))));
  part.addEventListener("toggle", () => {
    if (!part.open || part.childElementCount > 1) return;
    part.append(
      pairs({ Record: element("code", {}, name), Seeds: record.seeds.join(", "),
        Code: element("code", {}, record.code), "Modules in it": modules.join(", "),
        Commit: element("code", {}, `${git.commit}${git.dirty ? " with uncommitted changes" : ""}`),
        Ended: record.ended }),
      element("h3", {}, "Parameters"), pairs(flat(record.params)),
      record.inputs.length ? fileTable(record.inputs, "Read") : "",
      fileTable(record.outputs, "Wrote"));
  });
  return part;
}

function runPart(name) {
  const record = lineage.records[name];
  return element("div", {}, pairs({ Run: element("code", {}, folder(name)), Seeds: record.seeds.join(", "),
    ...flat(record.params.parameters ?? {}), Code: element("code", {}, record.code) }));
}

function numberText(value) {
  return value === null ? "undefined" : String(value);
}

function cellParts(cell) {
  const interval = cell.low === null ? null : `${cell.low} to ${cell.high}`;
  const parts = [pairs({ Verdict: cell.verdict, Evidence: cell.evidence, Rule: cell.rule,
    Metric: cell.metric, Split: cell.split, Mean: numberText(cell.mean), "95 % interval": interval,
    n: cell.n, "Selected on validation": cell.selected, Note: cell.why })];
  const values = Object.entries(cell.values ?? {});
  if (values.length) parts.push(grid("Value of each seed", ["Seed", "Value"],
    values.map(([seed, value]) => [seed, numberText(value)])));
  const against = cell.against;
  if (against) parts.push(element("h3", {}, `Difference to ${against.method}`), pairs({
    Difference: numberText(against.difference), "95 % interval": against.low === null ? null : `${against.low} to ${against.high}`,
    p: against.p, "p, corrected (Holm)": against.p_holm, Note: against.why }));
  return parts;
}

function show(title, ...parts) {
  document.getElementById("panel-title").textContent = title;
  document.getElementById("panel-body").replaceChildren(...parts.filter((part) => part !== null));
  const panel = document.getElementById("panel");
  panel.showModal();
  panel.scrollTop = 0;
}

function chainParts(names, place) {
  return [sourceTable(names), element("h3", {}, "Every job behind it"), ...names.map((name) => recordPart(name)),
    place ? pairs({ "The same in a terminal": element("code", {}, `msd trace '${place}'`) }) : null];
}

function showCell(key, title) {
  const found = lineage.cells[key];
  const runs = [...found.runs, ...found.against];
  const names = [...new Set([found.record, ...found.via, ...ancestors(runs)])];
  show(title, ...cellParts(found.cell),
    found.runs.length ? element("h3", {}, "Runs") : null, ...found.runs.map(runPart),
    found.against.length ? element("h3", {}, "Runs it is compared with") : null, ...found.against.map(runPart),
    ...chainParts(names, found.place));
}

function showRecord(name, title, place) {
  show(title, recordPart(name, true), ...chainParts(ancestors(madeFrom(name)), place));
}

function opener(host, open) {
  const button = element("button", { type: "button", className: "lineage" }, ...host.childNodes);
  button.setAttribute("aria-haspopup", "dialog");
  button.addEventListener("click", open);
  host.replaceChildren(button);
}

function titleOf(cell) {
  const table = cell.closest("table");
  const labels = [...cell.parentElement.cells].filter((other) => other.tagName === "TH").map((head) => head.textContent);
  return [...labels, table.tHead.rows[0].cells[cell.cellIndex].textContent].join(" · ");
}

for (const cell of document.querySelectorAll("td[data-lineage]")) {
  if (cell.childElementCount) opener(cell, () => showCell(cell.dataset.lineage, titleOf(cell)));
}
for (const cell of document.querySelectorAll("td[data-record]")) {
  if (cell.dataset.record in lineage.records) opener(cell, () => showRecord(cell.dataset.record, titleOf(cell)));
}
for (const host of document.querySelectorAll("[data-figure]")) {
  const found = lineage.figures[host.dataset.figure];
  if (!found) continue;
  host.textContent = `Where ${host.dataset.figure} comes from`;
  host.replaceChildren(element("span", {}, host.textContent));
  opener(host, () => showRecord(found.record, host.textContent, found.place));
}
addEventListener("beforeprint", () => document.querySelectorAll("main details").forEach((part) => { part.open = true; }));
document.getElementById("panel").addEventListener("click", (event) => {
  if (event.target === event.currentTarget) event.currentTarget.close(); // a click beside the panel
});
