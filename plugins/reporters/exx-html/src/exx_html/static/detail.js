// One item in full: the question, the right answers, both arms side by side, the scores, and the passage on demand.

const TYPES = { open: "open-book", closed: "closed-book" };

function placeWords([temp, type]) {
  return `${TYPES[type] ?? type}, temperature ${temp}`;
}

function badges(items, row, arm) {
  const place = make("span", "badges");
  for (const state of STATES) {
    if (items.has(row, arm, state)) place.append(make("span", `badge ${state}`, state === "truncated" ? "cut off" : state));
  }
  return place;
}

function armBox(items, row, arm, metric, answers) {
  const name = arm === CONTROL ? "Control" : "Treatment";
  const score = items.score(row, arm, metric);
  const head = make("h4", "", make("span", "arm", name));
  if (items.metrics[metric]) head.append(make("span", "score", score === null ? "no score" : `${percent(score)} %`));
  const box = make("section", `answer ${name.toLowerCase()}`, head, badges(items, row, arm));
  box.setAttribute("aria-label", `${name}'s answer`);
  if (answers === undefined) box.append(make("p", "none", "Not in this page."));
  else if (!answers.length) box.append(make("p", "none", "There is no answer."));
  else {
    answers.forEach((answer, number) => {
      if (answers.length > 1) box.append(make("p", "nth", `Answer ${number + 1} of ${answers.length}`));
      if (answer === null) box.append(make("p", "none", "The request failed."));
      else if (Array.isArray(answer)) box.append(make("p", "none", "The request failed: ", shown(answer[0])));
      else box.append(make("div", "text", said(answer)));
    });
  }
  return box;
}

function rightBox(right) {
  const box = make("p", "right", make("span", "label", "Right answers"));
  if (!right) box.append(make("span", "none", "not at hand"));
  else if (!right[0].length) box.append(make("span", "none", "none: to abstain is right"));
  else {
    for (const answer of right[0]) box.append(make("span", "alias", shown(answer)), " ");
    if (right[1]) box.append(make("span", "none", `and ${right[1]} more`));
  }
  return box;
}

function cell(row, text, tag = "td") {
  const made = make(tag, tag === "td" ? "number" : "", text);
  if (tag === "th") made.scope = "row";
  row.append(made);
}

function scoreTable(items, row) {
  const body = make("tbody");
  items.metrics.forEach((metric, number) => {
    const [control, treatment] = [CONTROL, TREATMENT].map((arm) => items.score(row, arm, number));
    const line = make("tr");
    cell(line, plain(metric.title), "th");
    cell(line, percent(control));
    cell(line, percent(treatment));
    cell(line, control === null || treatment === null ? "–" : points(treatment - control));
    body.append(line);
  });
  const head = make("tr");
  for (const name of ["Score, per cent", "Control", "Treatment", "Difference"]) {
    const made = make("th", name.startsWith("Score") ? "" : "number", name);
    made.scope = "col";
    head.append(made);
  }
  return make("table", "scores", make("thead", "", head), body);
}

function passageBox(items, row) {
  const [, type] = items.places[items.place[row]];
  const number = items.passage[items.item[row]];
  if (number === null || type === "closed") return "";
  const box = make("details", "passage", make("summary", "", "Passage"));
  box.addEventListener("toggle", async () => {
    if (!box.open || box.childElementCount > 1) return;
    const text = await items.text("passages", number);
    if (box.childElementCount > 1) return;
    box.append(text === undefined ? make("p", "none", "Not in this page.") : make("div", "text", said(text)));
  });
  return box;
}

async function detailOf(items, row, metric) {
  const item = items.item[row];
  const [answers, right] = await Promise.all([items.text("answers", row), items.text("right", item)]);
  const question = items.questions[item];
  const heading = make("h3", "question", question === null ? make("span", "none", "Question not at hand") : said(question));
  heading.tabIndex = -1;
  const where = make("p", "where", shown(items.keys[item]), ` · ${placeWords(items.places[items.place[row]])}`);
  const arms = [CONTROL, TREATMENT].map((arm) => armBox(items, row, arm, metric, answers?.[arm]));
  return [where, heading, rightBox(right), make("div", "pair", ...arms), passageBox(items, row), scoreTable(items, row)];
}
