"use strict";
(() => {
  const FOLDED = 12; // rows that a table shows until it is asked for more
  const numbers = new Intl.NumberFormat("en");
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const valueOf = (cell) => (cell.dataset.v === undefined ? cell.textContent : cell.dataset.v);

  // Spreadsheets take what begins so for a formula; numbers are numbers.
  const harmless = (text) => (/^\s*[=+\-@\t\r\n＝＋－＠]/u.test(text) ? `'${text}` : text);
  const quoted = (text) => (/[",;\r\n']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

  const setUp = (box) => {
    const table = box.querySelector("table");
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const input = box.querySelector("input");
    const said = box.querySelector(".shown");
    const more = box.querySelector(".all");
    const texts = new Map([...body.rows].map((row) => [row, row.textContent.toLowerCase()]));
    let isOpen = false;

    const wanted = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      return [...body.rows].filter((row) => words.every((word) => texts.get(row).includes(word)));
    };

    const show = () => {
      const rows = new Set(wanted().slice(0, isOpen ? undefined : FOLDED));
      for (const row of body.rows) row.hidden = !rows.has(row);
      const matches = wanted().length;
      const all = body.rows.length;
      more.hidden = all <= FOLDED;
      more.textContent = isOpen ? "Show fewer" : `Show all ${numbers.format(matches)} rows`;
      more.hidden = matches <= FOLDED;
      const first = rows.size < matches ? `first ${numbers.format(rows.size)} of ` : "";
      const of = matches < all ? ` of ${numbers.format(all)}` : "";
      said.textContent = matches ? `${first}${numbers.format(matches)}${of} ${all === 1 ? "row" : "rows"}` : "no row has these words";
    };

    const sort = (head) => {
      const at = heads.indexOf(head);
      const isNumber = head.classList.contains("number");
      const before = head.getAttribute("aria-sort");
      const isDown = before === "none" ? isNumber : before === "ascending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      const key = (row) => valueOf(row.cells[at]);
      const compare = isNumber ? (a, b) => Number(a) - Number(b) : collator.compare;
      const rows = [...body.rows].sort((one, other) => {
        const [a, b] = [key(one), key(other)];
        if (a === "" || b === "") return (a === "") - (b === ""); // what is not known comes last, either way
        return isDown ? compare(b, a) : compare(a, b);
      });
      body.append(...rows);
      show();
    };

    const csv = () => {
      const head = heads.map((cell) => quoted(harmless(cell.textContent.trim())));
      const lines = wanted().map((row) =>
        [...row.cells].map((cell, at) => {
          const value = valueOf(cell);
          return quoted(heads[at].classList.contains("number") && value !== "" && Number.isFinite(Number(value)) ? value : harmless(value));
        }).join(","));
      const blob = new Blob(["\ufeff", [head.join(","), ...lines].join("\r\n"), "\r\n"], { type: "text/csv;charset=utf-8" });
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${document.body.dataset.job}-${box.id.slice(2)}.csv`.replace(/[^\w.-]+/g, "_");
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    };

    input.addEventListener("input", show);
    more.addEventListener("click", () => { isOpen = !isOpen; show(); });
    for (const head of heads) head.querySelector("button").addEventListener("click", () => sort(head));
    box.querySelector(".csv").addEventListener("click", csv);
    show();
  };

  for (const box of document.querySelectorAll(".table")) setUp(box);
  for (const radio of document.querySelectorAll("input[name=scope]")) {
    radio.addEventListener("change", () => { document.documentElement.dataset.scope = radio.value; });
  }
})();
