"use strict";
// Filters of the matrix, links that open what they lead to, commands that can be copied. Without this script the page
// is whole: every case is there, and a link leads to its place.
(() => {
  const form = document.querySelector("form.filters");
  const verdicts = document.getElementById("verdicts");

  if (form) {
    const status = form.querySelector("[role=status]");
    const items = [...verdicts.querySelectorAll("[data-verdict]")].map((item) => ({
      item, n: Number(item.dataset.n || 1), server: item.closest("[data-server]").dataset.server,
    }));
    const groups = [...verdicts.querySelectorAll("details.group")].map((box) => ({ box, open: box.open }));
    const total = items.reduce((sum, each) => sum + each.n, 0);
    const FEW = 200; // so many found cases are opened without being asked for

    const apply = () => {
      const asked = new FormData(form);
      const [verdict, level] = ["verdict", "level"].map((name) => new Set(asked.getAll(name)));
      const levels = new Set([...form.querySelectorAll("[name=level]")].map((box) => box.value));
      const server = asked.get("server");
      let shown = 0;
      for (const each of items) {
        const { verdict: own, level: its } = each.item.dataset;
        const fits = verdict.has(own) && (level.has(its) || !levels.has(its)) && (!server || server === each.server);
        each.item.hidden = !fits;
        if (fits) shown += each.n;
      }
      for (const { box, open } of groups) {
        box.hidden = !box.querySelector("[data-verdict]:not([hidden])");
        box.open = shown < total && shown <= FEW ? !box.hidden : open;
      }
      for (const each of document.querySelectorAll("#matrix tr[data-server], #verdicts > [data-server]"))
        each.hidden = Boolean(server) && each.dataset.server !== server;
      const number = (n) => n.toLocaleString("en");
      status.textContent = shown < total ? `${number(shown)} of ${number(total)} cases are shown.`
        : `All ${number(total)} cases are here.`;
    };
    form.addEventListener("change", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    form.elements.missed.addEventListener("click", () => {
      for (const box of form.querySelectorAll("[name=verdict]"))
        box.checked = !["pass", "note", "skip"].includes(box.value);
      apply();
    });
    form.hidden = false;
    form.reset(); // a browser that comes back to the page keeps the boxes as they were left
  }

  // A link's goal may lie in what is closed, or in what a filter hides.
  const reveal = (hash) => {
    let goal = null;
    try { goal = hash && document.getElementById(decodeURIComponent(hash.slice(1))); } catch { /* no id of ours */ }
    if (!goal) return;
    if (goal.closest("[hidden]") && form) form.reset();
    for (let box = goal.closest("details"); box; box = box.parentElement.closest("details")) {
      box.hidden = false;
      box.open = true;
    }
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (link) reveal(link.hash);
  });
  addEventListener("hashchange", () => reveal(location.hash));
  reveal(location.hash);

  for (const command of document.querySelectorAll("code.command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy the command ${command.textContent}`);
    command.after(" ", button);
  }
  const said = document.createElement("p");
  said.className = "unseen";
  said.setAttribute("role", "status");
  document.querySelector("main").append(said);
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button.copy");
    if (!button) return;
    const command = button.parentElement.querySelector("code.command");
    try {
      await navigator.clipboard.writeText(command.textContent);
      button.textContent = "Copied";
      said.textContent = "The command is copied.";
      setTimeout(() => { button.textContent = "Copy"; said.textContent = ""; }, 2000);
    } catch {
      getSelection().selectAllChildren(command);
      said.textContent = "The command is selected.";
    }
  });
})();
