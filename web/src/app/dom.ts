// Building and finding elements. Text always becomes a text node: nothing from the server is markup.

type Child = Node | string | number | false | undefined;

type Props<Tag extends keyof HTMLElementTagNameMap> = Partial<
  Omit<HTMLElementTagNameMap[Tag], 'style' | 'dataset' | 'classList' | 'children'>
> & { class?: string; data?: Record<string, string> };

/** Makes an element: `h('button', { class: 'primary', onclick }, 'Play')`. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  props: Props<Tag> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  const { class: className, data, ...rest } = props;
  if (className) element.className = className;
  if (data) Object.assign(element.dataset, data);
  Object.assign(element, rest);
  element.append(...present(children));
  return element;
}

/** Replaces what an element holds. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(...present(children));
}

/** Whether the keys belong to a text field now. */
export function typing(): boolean {
  const active = document.activeElement;
  return active instanceof HTMLInputElement || active instanceof HTMLTextAreaElement || active instanceof HTMLSelectElement;
}

function present(children: Child[]): (Node | string)[] {
  return children.filter((child) => child !== undefined && child !== false).map((child) => (typeof child === 'number' ? String(child) : child));
}
