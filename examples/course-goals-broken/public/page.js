const list = document.querySelector('#goals');
const form = document.querySelector('#new-goal');
const message = document.querySelector('#message');

async function call(path, options) {
  const response = await fetch(path, options);
  const answer = response.status === 204 ? {} : await response.json();
  if (!response.ok) throw new Error(answer.error ?? response.statusText);
  return answer;
}

function show(goals) {
  list.replaceChildren(
    ...goals.map((goal) => {
      const item = document.createElement('li');
      const remove = document.createElement('button');
      remove.textContent = 'Remove';
      remove.onclick = () => change(`goals/${goal.id}`, { method: 'DELETE' });
      item.append(goal.text, remove);
      return item;
    }),
  );
}

async function change(path, options) {
  try {
    if (path) await call(path, options);
    show((await call('goals')).goals);
    message.textContent = '';
  } catch (error) {
    message.textContent = error.message;
  }
}

form.onsubmit = async (event) => {
  event.preventDefault();
  const text = new FormData(form).get('text');
  form.reset();
  await change('goals', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text }),
  });
};

change();
const settings = await call('settings');
document.title = settings.title;
document.querySelector('h1').textContent = settings.title;
document.querySelector('#text').maxLength = settings.longestGoal;
