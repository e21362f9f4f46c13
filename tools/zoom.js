// Pictures that are shown smaller than they are open at full size: by a click or Enter. Another click, or Escape, closes them.
(() => {
  'use strict';
  const box = document.createElement('dialog');
  box.className = 'zoom';
  box.addEventListener('click', () => box.close());
  document.body.append(box);
  const open = ({ src, alt }) => { box.replaceChildren(Object.assign(new Image(), { src, alt })); box.showModal(); };
  const offer = (img) => {
    if (img.naturalWidth < 1.3 * img.clientWidth || img.closest('a, .before-after, .try')) return;
    Object.assign(img, { tabIndex: 0, role: 'button', title: 'Enlarge', onclick: () => open(img), onkeydown: (e) => e.key === 'Enter' && open(img) });
    img.classList.add('zooms');
  };
  for (const img of document.querySelectorAll('main img')) img.complete ? offer(img) : img.addEventListener('load', () => offer(img));
})();
