"use strict";
// What a page does beside being read: sections fetched again, times in the reader's zone, the theme, and actions with a token.
// The token is kept for this tab only (sessionStorage) and sent in the Authorization header; there are no cookies.
(() => {
  const slug = document.body.dataset.slug;
  const one = (what, where = document) => where.querySelector(what);
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const kept = (store, name, value) => {
    try {
      if (value === undefined) return store.getItem(name);
      if (value === null) store.removeItem(name); else store.setItem(name, value);
    } catch { /* storage is closed: nothing is remembered */ }
    return null;
  };

  // The address that a terminal prints brings the token behind the #, which no server is sent; it is taken out of the address at once.
  const given = /^#token=(\S+)$/.exec(location.hash);
  if (given) {
    kept(sessionStorage, "token", decodeURIComponent(given[1]));
    history.replaceState(null, "", location.pathname + location.search);
  }

  // One way of writing times in every language, so that 01/02 is never a riddle: 2026-01-31 08:05, and the reader's zone by name.
  const zone = new Intl.DateTimeFormat("en-GB", {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short",
  });
  const local = (at) => {
    const is = Object.fromEntries(zone.formatToParts(at).map((part) => [part.type, part.value]));
    return `${is.year}-${is.month}-${is.day} ${is.hour}:${is.minute} ${is.timeZoneName}`;
  };
  const times = (where) => all("time[datetime], [data-at]", where).forEach((time) => {
    const at = new Date(time.dateTime || time.dataset.at);
    if (!Number.isNaN(at.getTime())) { time.title = time.textContent; time.textContent = local(at); }
  });

  const dark = kept(localStorage, "theme");
  if (dark) document.documentElement.dataset.theme = dark;
  const button = one("[data-theme-button]");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const is = document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
      document.documentElement.dataset.theme = is === "dark" ? "light" : "dark";
      kept(localStorage, "theme", document.documentElement.dataset.theme);
    });
  }

  const away = one("#away");
  const shownAs = new WeakMap();
  const again = async (section) => {
    const address = new URL(location.href);
    address.searchParams.set("part", section.dataset.part);
    try {
      const answer = await fetch(address, { headers: { accept: "text/html" }, cache: "no-store" });
      const text = await answer.text();
      if (!answer.ok) {
        if (away) { away.textContent = answer.status === 503 ? text : away.dataset.away; away.hidden = false; }
        return;
      }
      const open = all("details[open][id]", section).map((found) => found.id);
      const focus = section.contains(document.activeElement) ? document.activeElement.id : "";
      if (away) away.hidden = true;
      if (shownAs.get(section) === text) return; // nothing new: what moves, is selected or is open is left alone
      const fresh = new DOMParser().parseFromString(text, "text/html").body.firstElementChild;
      if (!fresh || fresh.dataset.part !== section.dataset.part) return;
      shownAs.set(section, text);
      section.replaceChildren(...fresh.childNodes);
      open.forEach((id) => { const found = document.getElementById(id); if (found) found.open = true; });
      if (focus) document.getElementById(focus)?.focus();
      times(section);
    } catch {
      if (away) { away.textContent = away.dataset.away; away.hidden = false; }
    }
  };
  all("section[data-every]").forEach((section) => {
    let busy = false;
    setInterval(async () => {
      if (busy || document.hidden || one("dialog[open]")) return;
      busy = true;
      await again(section);
      busy = false;
    }, 1000 * Number(section.dataset.every));
  });

  const dialog = (element) => new Promise((done) => {
    element.returnValue = "";
    element.addEventListener("close", () => done(element.returnValue), { once: true });
    element.showModal();
  });
  const teller = one("[data-token-button]");
  const shown = () => { if (teller) { teller.hidden = false; teller.textContent = kept(sessionStorage, "token") ? teller.dataset.have : teller.dataset.none; } };
  const token = async () => {
    const element = one("#token-dialog");
    const field = one("input[name=token]", element);
    const wrong = one("#token-error", element);
    field.value = "";
    wrong.hidden = true;
    for (;;) {
      const said = await dialog(element);
      if (said === "forget") kept(sessionStorage, "token", null);
      if (said !== "ok" || !field.value.trim()) break;
      const refused = await unknown(field.value.trim());
      if (!refused) { kept(sessionStorage, "token", field.value.trim()); break; }
      wrong.textContent = refused;
      wrong.hidden = false;
    }
    field.value = "";
    shown();
    return kept(sessionStorage, "token");
  };
  // Why a token opens nothing; empty if it does.
  const unknown = async (given) => {
    try {
      const answer = await fetch(`/m/${encodeURIComponent(slug)}/who`, {
        method: "POST", headers: { authorization: `Bearer ${given}`, "content-type": "application/json" }, body: "{}",
      });
      return answer.ok ? "" : (await answer.json()).error || String(answer.status);
    } catch (error) { return String(error); }
  };
  teller?.addEventListener("click", token);
  shown();

  // <button data-do="rollback" data-body='{"version": 3}' data-title="…" data-about="…" data-reason="required|optional|none">
  const act = async (pressed) => {
    if (!kept(sessionStorage, "token") && !(await token())) return;
    const element = one("#do-dialog");
    const wants = pressed.dataset.reason || "required";
    const seen = pressed.dataset.seen;  // taken now: the section may be fetched again while somebody thinks
    const label = one("[data-reason]", element);
    const field = one("input[name=reason]", element);
    const failed = one("#do-error");
    one("#do-title").textContent = pressed.dataset.title || pressed.textContent;
    one("#do-about").textContent = pressed.dataset.about || "";
    label.hidden = wants === "none";
    field.required = wants === "required";
    field.value = "";
    failed.hidden = true;
    for (;;) {
      if ((await dialog(element)) !== "ok") return;
      const body = JSON.parse(pressed.dataset.body || "{}");
      if (wants !== "none" && field.value.trim()) body.reason = field.value.trim();
      let said = "";
      try {
        const answer = await fetch(`/m/${encodeURIComponent(slug)}/do/${pressed.dataset.do}`, {
          method: "POST",
          headers: {
            authorization: `Bearer ${kept(sessionStorage, "token")}`, "content-type": "application/json",
            ...(seen ? { "x-flyball-seen": seen } : {}),
          },
          body: JSON.stringify(body),
        });
        if (answer.ok) { location.reload(); return; }
        said = (await answer.json()).error || String(answer.status);
        if (answer.status === 401) { kept(sessionStorage, "token", null); shown(); }
      } catch (error) { said = String(error); }
      failed.textContent = said;
      failed.hidden = false;
      if (!kept(sessionStorage, "token") && !(await token())) return;
    }
  };
  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-do]");
    if (pressed) { event.preventDefault(); act(pressed); }
  });
  document.addEventListener("change", (event) => {
    if (event.target.closest("form[data-at-once]")) event.target.form.requestSubmit();
  });
  times(document);
  one("nav.menu [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
})();
