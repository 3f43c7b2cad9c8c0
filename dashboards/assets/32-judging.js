// Beside the pill: since when nobody judges the rules, and whether the test alarm still reaches its mailbox. Silent while well.
'use strict';
(() => {
  const say = message => {
    const pill = document.getElementById('pill');
    if (!pill) return;
    let sign = document.getElementById('judging');
    if (!sign) {
      sign = document.createElement('span');
      sign.id = 'judging'; sign.className = 'pill dead'; sign.setAttribute('role', 'alert');
      sign.append(document.createElement('i'), document.createElement('span'));
      pill.after(sign);
    }
    const lines = [];
    if (message.late) lines.push(message.judged ? IOC.word('judging.late', {time: when(message.judged)}) : IOC.word('judging.never'));
    if (message.mail_late) lines.push(message.mailed ? IOC.word('judging.mail', {time: when(message.mailed)}) : IOC.word('judging.no_mail'));
    sign.hidden = !lines.length;
    sign.lastChild.textContent = lines.join(' · ');
  };
  // The time alone while it is today's, else with its date.
  const when = micros => {
    const at = micros / 1000, date = IOC.date(at);
    return (date === IOC.date(IOC.live.now()) ? '' : date + ' ') + IOC.clock(at);
  };
  IOC.live.on('judging', say);
})();
