// Shows what the server pushes, and opens what is touched. Pages do not pass through it.

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("push", (event) => {
  const told = event.data.json();
  const addresses = Object.fromEntries(told.actions.map(({ action, url }) => [action, url]));
  event.waitUntil(
    self.registration.showNotification(told.title, {
      body: told.body,
      lang: told.language,
      dir: told.direction,
      tag: told.tag, // in place of the one before about the same warning,
      renotify: true, // and heard all the same
      requireInteraction: told.urgent,
      actions: told.actions.map(({ action, title }) => ({ action, title })),
      data: { ...addresses, "": told.url },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const address = event.notification.data[event.action];
  if (address) event.waitUntil(self.clients.openWindow(address));
});
