// The site's search. Every word has to be there; titles count more than headings, headings more than text, and each entry has a weight of
// its own (tools/finish.py): pages before what modules are made of. The index is a script, so it can be loaded from file:// too.
(() => {
  'use strict';
  const here = document.currentScript ? document.currentScript.src : '';
  const root = here.replace(/site_libs\/search\.js.*$/, '');
  const escaped = (s) => s.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const pattern = (word, flags) => new RegExp(word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), flags);
  let loading = null;
  const load = () => loading = loading || new Promise((done, failed) => {
    const script = document.createElement('script');
    Object.assign(script, { src: `${root}site_libs/search-index.js`, onload: done, onerror: failed });
    document.head.append(script);
  });

  const count = (text, word) => {  // how often a word stands in a text; as a part of another it counts a third
    const whole = (text.match(pattern(`\u0001${word}`, 'g')) || []).length, any = (text.match(pattern(word, 'g')) || []).length;
    return whole + (any - whole) / 3;
  };
  const marked = (text) => text.toLowerCase().replace(/(^|[^\p{L}\p{N}])(?=[\p{L}\p{N}])/gu, '$1\u0001');
  const score = ([, title, section, text, weight], words) => {
    let sum = 0;
    for (const word of words) {
      const [t, s, b] = [title, section, text].map((o) => Math.min(3, count(marked(o), word)));
      if (!t && !s && !b) return 0;
      sum += 6 * Math.min(1, t) + 5 * Math.min(1, section ? s : t) + b;  // the top of a page has its title as its heading
    }
    return (sum + (section.toLowerCase() === words.join(' ') ? 20 : 0)) * weight;  // who types a name in full wants what has it
  };
  const find = (query, limit) => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    return window.searchIndex.map((o) => [score(o, words), o]).filter(([n]) => n > 0).sort((a, b) => b[0] - a[0]).slice(0, limit).map(([, o]) => o);
  };
  const excerpt = (text, query) => {
    const words = query.split(/\s+/).filter(Boolean), at = Math.max(0, text.search(pattern(words[0], 'i')) - 60);
    let out = escaped(text.slice(at, at + 200));
    for (const word of words) out = out.replace(pattern(escaped(word), 'gi'), (o) => `<mark>${o}</mark>`);
    return (at ? '…' : '') + out;
  };
  const row = ([href, title, section, text], query) => `<a class="search-result" href="${root}${href}"><div class="search-result-title">${escaped(title)}</div>` +
    `<div class="search-result-section">${escaped(section)}</div><div class="search-result-text">${excerpt(text, query)}</div></a>`;

  const attach = (old) => {
    const box = old.cloneNode(true);  // without what smalldocs listens for
    old.replaceWith(box);
    const input = box.querySelector('input'), list = box.querySelector('.smalldocs-search-results');
    let at = -1;
    const show = (html) => { list.innerHTML = html; list.classList.add('show'); at = -1; };
    const run = async () => {
      const query = input.value.trim();
      if (query.length < 2) return list.classList.remove('show');
      try { await load(); } catch { return show('<div class="search-none">The index of the search, site_libs/search-index.js, cannot be read.</div>'); }
      const hits = find(query, 20);
      show(hits.length ? hits.map((o) => row(o, query)).join('') : '<div class="search-none">Nothing has all of these words</div>');
    };
    input.addEventListener('input', run);
    input.addEventListener('focus', run);
    input.addEventListener('keydown', (event) => {
      const rows = [...list.querySelectorAll('.search-result')], step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (event.key === 'Escape') { list.classList.remove('show'); input.blur(); }
      if (!rows.length) return;
      if (event.key === 'Enter') rows[Math.max(0, at)].click();
      if (!step) return;
      event.preventDefault();
      at = (at + step + rows.length) % rows.length;
      rows.forEach((o, i) => o.classList.toggle('active', i === at));
      rows[at].scrollIntoView({ block: 'nearest' });
    });
    document.addEventListener('click', (event) => { if (!box.contains(event.target)) list.classList.remove('show'); });
  };
  document.querySelectorAll('.smalldocs-search').forEach(attach);
})();
