// Shows openapi.json: operations by section, shapes, examples for curl. No dependencies; everything is built as
// elements, never as HTML text.

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const DEPTH = 4;

/** An element with attributes and children; children are elements, texts, or nothing. */
function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ''));
  return element;
}

/** A line in which `…` is code and **…** is strong. */
function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith('`')) return h('code', {}, part.slice(1, -1));
    if (part.startsWith('**')) return h('strong', {}, part.slice(2, -2));
    return part;
  });
}

/** Paragraphs and lists. */
function prose(text) {
  return text.split(/\n\s*\n/).map((block) => {
    const lines = block.split('\n');
    if (!lines[0].startsWith('- ')) return h('p', {}, inline(block));
    return h('ul', {}, lines.map((line) => h('li', {}, inline(line.slice(2)))));
  });
}

function reference(api) {
  const resolve = (part) => {
    if (!part?.$ref) return part ?? {};
    return part.$ref.slice(2).split('/').reduce((at, name) => at[name], api);
  };
  const nameOf = (part) => part?.$ref?.split('/').pop();
  const anchor = (name) => `shape-${name}`;

  /** Fields of a shape, those of its parts included. */
  function fieldsOf(schema) {
    const whole = resolve(schema);
    const own = Object.entries(whole.properties ?? {});
    const fields = own.map(([name, field]) => ({ name, field, required: whole.required?.includes(name) ?? false }));
    return fields.concat((whole.allOf ?? []).flatMap(fieldsOf));
  }

  /** What a value may be, in words and links. */
  function kind(schema) {
    if (!schema) return ['anything'];
    if (schema.$ref) return [h('a', { href: `#${anchor(nameOf(schema))}` }, nameOf(schema))];
    const either = schema.oneOf ?? schema.anyOf;
    if (either) return either.flatMap((one, at) => (at ? [' or ', ...kind(one)] : kind(one)));
    const types = [schema.type ?? 'anything'].flat();
    return types.flatMap((type, at) => {
      const said = at ? [' or '] : [];
      if (type === 'array') return [...said, 'list of ', ...kind(schema.items)];
      if (type === 'object' && schema.additionalProperties?.$ref) return [...said, 'map to ', ...kind(schema.additionalProperties)];
      return [...said, type === 'string' && schema.format ? schema.format : type];
    });
  }

  function bounds(schema) {
    const said = [];
    const values = (schema.enum ?? []).filter((value) => value !== null);
    if (values.length) said.push(`one of ${values.join(', ')}`);
    const range = (least, most, unit) => {
      if (least !== undefined && most !== undefined) said.push(`${least} to ${most}${unit}`);
      else if (most !== undefined) said.push(`at most ${most}${unit}`);
      else if (least) said.push(`at least ${least}${unit}`);
    };
    range(schema.minLength, schema.maxLength, ' characters');
    range(schema.minItems, schema.maxItems, ' elements');
    range(schema.minimum, schema.maximum, '');
    return said.length ? ` (${said.join('; ')})` : '';
  }

  function row({ name, field, required, about }) {
    const text = about ?? field?.description;
    return h('div', {},
      h('dt', {}, h('code', {}, name), ' ', h('span', { class: 'faint' }, kind(field), bounds(field ?? {}), required ? ', required' : '')),
      text ? h('dd', {}, inline(text)) : null);
  }

  const rows = (fields) => h('dl', { class: 'fields' }, fields.map(row));

  /** An example of a value: what must be there, and what is short. */
  function example(schema, depth = 0) {
    const whole = resolve(schema);
    if (whole.examples?.length) return whole.examples[0];
    const either = whole.oneOf ?? whole.anyOf;
    if (either) return example(either.find((one) => one.type !== 'null') ?? {}, depth);
    if (whole.enum) return whole.enum[0];
    const type = [whole.type].flat().find((one) => one !== 'null');
    if (type === 'array') return depth < DEPTH ? [example(whole.items, depth + 1)] : [];
    if (type === 'integer' || type === 'number') return Math.max(whole.minimum ?? 1, 1);
    if (type === 'boolean') return true;
    if (type === 'object' || whole.allOf) {
      const fields = fieldsOf(schema).filter(({ required, name }) => required || (depth === 0 && !name.includes('_')));
      if (depth >= DEPTH) return {};
      return Object.fromEntries(fields.map(({ name, field }) => [name, example(field, depth + 1)]));
    }
    return { uuid: '01890a5d-ac96-774b-bcce-b302099a8057', uri: 'https://example.com/', email: 'alice@example.com' }[whole.format] ?? 'text';
  }

  const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

  function curl(method, path, operation) {
    const lines = [`curl${method === 'get' ? '' : ` -X ${method.toUpperCase()}`} "$API${path.replace(/\{(\w+)\}/g, '$$$1')}"`];
    const needed = Object.keys(Object.assign({}, ...(operation.security ?? []).slice(-1)));
    if (needed.includes('apiKey')) lines.push('-H "X-API-Key: $KEY"');
    if (needed.includes('accessToken')) lines.push('-H "Authorization: Bearer $TOKEN"');
    if (needed.includes('refreshToken')) lines.push('-H "Authorization: Bearer $REFRESH_TOKEN"');
    const body = resolve(operation.requestBody).content?.['application/json']?.schema;
    if (body && !needed.includes('refreshToken')) {
      lines.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(example(body)))}`);
    }
    return lines.join(' \\\n  ');
  }

  function copied(text) {
    const button = h('button', { type: 'button' }, 'Copy');
    button.addEventListener('click', async () => {
      await navigator.clipboard?.writeText(text);
      button.textContent = 'Copied';
      setTimeout(() => { button.textContent = 'Copy'; }, 1500);
    });
    return h('div', {}, h('div', { class: 'bar' }, h('h4', {}, 'With curl'), navigator.clipboard ? button : null), h('pre', { tabindex: '0' }, h('code', {}, text)));
  }

  function credentials(operation) {
    const names = { apiKey: 'X-API-Key', accessToken: 'access token', refreshToken: 'refresh token' };
    const ways = (operation.security ?? []).map((way) => Object.keys(way).map((name) => names[name] ?? name).join(' and '));
    return `Needs ${ways.map((way) => way || 'nothing').join(', or ') || 'nothing'}.`;
  }

  function answer([status, given]) {
    const response = resolve(given);
    const schema = response.content?.['application/json']?.schema;
    const about = h('summary', {}, h('code', {}, status), ' ', inline(response.description ?? ''));
    if (!schema) return h('p', {}, about.childNodes.length ? [...about.childNodes] : status);
    const fields = nameOf(schema)?.match(/\.Reply$/) || !schema.$ref ? rows(fieldsOf(schema)) : h('p', {}, kind(schema));
    return h('details', status < '300' ? { open: '' } : {}, about, fields);
  }

  function operationOf(method, path, operation) {
    const parameters = (operation.parameters ?? []).map(resolve);
    const body = resolve(operation.requestBody).content?.['application/json']?.schema;
    const places = { query: 'In the query', path: 'In the path', header: 'In headers' };
    return h('article', { id: operation.operationId, 'aria-labelledby': `${operation.operationId}-title` },
      h('h3', { id: `${operation.operationId}-title` }, inline(operation.summary ?? operation.operationId)),
      h('p', { class: 'endpoint' }, h('span', { class: `method ${method}` }, method.toUpperCase()), h('span', { class: 'path' }, path),
        h('a', { href: `#${operation.operationId}`, class: 'faint' }, operation.operationId)),
      operation.description ? prose(operation.description) : null,
      h('p', { class: 'faint' }, credentials(operation)),
      Object.entries(places).map(([place, title]) => {
        const here = parameters.filter((one) => one.in === place);
        if (!here.length) return null;
        return [h('h4', {}, title), rows(here.map((one) => ({ name: one.name, field: one.schema, required: one.required, about: one.description })))];
      }).flat(),
      body ? [h('h4', {}, 'Body'), rows(fieldsOf(body))] : null,
      h('h4', {}, 'Answers'), Object.entries(operation.responses).map(answer),
      copied(curl(method, path, operation)));
  }

  const operations = Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ method, path, operation: item[method] })));
  const sections = api.tags.map((tag) => ({ tag, operations: operations.filter((one) => one.operation.tags?.includes(tag.name)) }));
  const shapes = Object.entries(api.components.schemas).filter(([name]) => !/\.(Body|Reply)$/.test(name));
  return { sections, shapes, operationOf, rows, fieldsOf, anchor, kind, bounds };
}

const slug = (name) => `section-${name.toLowerCase().replace(/\W+/g, '-')}`;

function show(api) {
  const page = reference(api);
  const found = [];
  const content = [h('section', { 'aria-label': 'Introduction' }, prose(api.info.description ?? ''))];
  const index = [];
  for (const { tag, operations } of page.sections) {
    const articles = operations.map(({ method, path, operation }) => {
      const article = page.operationOf(method, path, operation);
      const link = h('li', {}, h('a', { href: `#${operation.operationId}` },
        h('span', { class: `method ${method}` }, method.toUpperCase()), h('span', {}, inline(operation.summary ?? path))));
      const words = `${method} ${path} ${operation.operationId} ${operation.summary ?? ''} ${operation.description ?? ''} ${tag.name}`;
      found.push({ words: words.toLowerCase(), parts: [article, link], section: slug(tag.name) });
      return { article, link };
    });
    content.push(h('section', { id: slug(tag.name) }, h('h2', {}, tag.name), prose(tag.description ?? ''), articles.map(({ article }) => article)));
    index.push(h('section', { 'data-section': slug(tag.name) }, h('h2', {}, h('a', { href: `#${slug(tag.name)}` }, tag.name)), h('ul', {}, articles.map(({ link }) => link))));
  }
  const shapes = page.shapes.map(([name, schema]) => {
    const fields = page.fieldsOf(schema);
    const article = h('article', { id: page.anchor(name) }, h('h3', {}, name), schema.description ? prose(schema.description) : null,
      fields.length ? page.rows(fields) : h('p', {}, page.kind(schema), page.bounds(schema)));
    found.push({ words: name.toLowerCase(), parts: [article], section: 'shapes' });
    return article;
  });
  content.push(h('section', { id: 'shapes' }, h('h2', {}, 'Shapes'), shapes));
  index.push(h('section', { 'data-section': 'shapes' }, h('h2', {}, h('a', { href: '#shapes' }, 'Shapes'))));

  document.title = `${api.info.title} ${api.info.version}: API reference`;
  document.querySelector('#title').textContent = `${api.info.title} ${api.info.version}`;
  document.querySelector('#index').replaceChildren(...index);
  const main = document.querySelector('main');
  main.replaceChildren(...content);
  main.removeAttribute('aria-busy');
  return found;
}

function searchable(found) {
  const input = document.querySelector('#search');
  const apply = () => {
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = found.filter((one) => {
      const fits = wanted.every((word) => one.words.includes(word));
      one.parts.forEach((part) => { part.hidden = !fits; });
      return fits;
    });
    const sections = new Set(shown.map((one) => one.section));
    for (const id of new Set(found.map((one) => one.section))) {
      document.getElementById(id).hidden = !sections.has(id);
      document.querySelector(`[data-section="${id}"]`).hidden = !sections.has(id);
    }
    document.querySelector('#found').textContent = wanted.length ? `${shown.length} found` : '';
  };
  input.addEventListener('input', apply);
  input.form.addEventListener('submit', (event) => event.preventDefault());
  document.addEventListener('keydown', (event) => {
    if (event.key === '/' && document.activeElement !== input) {
      event.preventDefault();
      input.focus();
    }
  });
}

// The list of operations is open beside the reference, and folded above it on a phone.
const wide = matchMedia('(min-width: 52rem)');
const menu = document.querySelector('#menu');
const fold = () => { menu.open = wide.matches; };
wide.addEventListener('change', fold);
fold();

try {
  const answer = await fetch('openapi.json');
  if (!answer.ok) throw new Error(`openapi.json: ${answer.status}`);
  searchable(show(await answer.json()));
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
} catch (error) {
  document.querySelector('#state').textContent = `The description could not be loaded (${error.message}).`;
  document.querySelector('main').removeAttribute('aria-busy');
}
