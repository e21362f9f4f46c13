// The site's search. Every word has to be there; titles count more than headings, headings more than text, and each entry has a weight of
// its own (tools/finish.py): pages before what modules are made of. The index is a script, so it can be loaded from file:// too.
(() => {
  'use strict';
  const here = document.currentScript ? document.currentScript.src : '';
  const root = here.replace(/site_libs\/search\.js.*$/, '');
  const escaped = (s) => s.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const literal = (word) => word.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  let loading = null;
  const load = () => loading = loading || new Promise((done, failed) => {
    const script = document.createElement('script');
    Object.assign(script, { src: `${root}site_libs/search-index.js`, onload: done, onerror: failed });
    document.head.append(script);
  });

  const count = (text, [inside, whole]) => {  // how often a word stands in a text; as a part of another it counts a third
    const any = (text.match(inside) || []).length, words = any ? (text.match(whole) || []).length : 0;
    return words + (any - words) / 3;
  };
  const score = ([, title, section, text, weight], words, query) => {
    let sum = 0;
    for (const word of words) {
      const [t, s, b] = [title, section, text].map((o) => Math.min(3, count(o, word)));
      if (!t && !s && !b) return 0;
      sum += 6 * Math.min(1, t) + 5 * Math.min(1, section ? s : t) + b;  // the top of a page has its title as its heading
    }
    return (sum + (section.toLowerCase() === query.toLowerCase() ? 20 : 0)) * weight;  // who types a name in full wants what has it
  };
  const find = (query, limit) => {
    const words = query.split(/\s+/).map(literal).map((o) => [new RegExp(o, 'giu'), new RegExp(`(?<![\\p{L}\\p{N}])${o}`, 'giu')]);
    return window.searchIndex.map((o) => [score(o, words, query), o]).filter(([n]) => n > 0).sort((a, b) => b[0] - a[0]).slice(0, limit).map(([, o]) => o);
  };
  const excerpt = (text, query) => {
    const words = query.split(/\s+/).sort((a, b) => b.length - a.length), marks = new RegExp(`(${words.map(literal).join('|')})`, 'iu');
    const places = [query, ...words].map((o) => text.toLowerCase().indexOf(o.toLowerCase())).filter((o) => o >= 0);
    const at = Math.max(0, (places[0] || 0) - 60);  // where all of it stands, else its longest word
    const pieces = text.slice(at, at + 200).split(marks).map((o, i) => i % 2 ? `<mark>${escaped(o)}</mark>` : escaped(o));
    return (at ? '…' : '') + pieces.join('');
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
