const settings = require('../config/settings.json');
setInterval(() => console.log(settings.greeting), 60_000);
