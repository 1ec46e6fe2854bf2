// What an error of PocketBase's own means: there is no such row, or the database failed.

/** Whether an error says that there is no such row. */
function isMissing(err) {
  return String(err).includes("no rows in result set");
}

/** Whether an error comes from the disk or from another writer, and may be gone at the next try. */
function isPassing(err) {
  return /disk|readonly|locked/.test(String(err));
}

/**
 * The 500 for an error of the database. Only the log tells the error.
 *
 * @param {core.App} app
 * @param {string} message
 * @param {Error} err
 */
function unavailable(app, message, err) {
  app.logger().error("Custom tokens: the database failed", "error", String(err));
  return new InternalServerError(message);
}

module.exports = { isMissing, isPassing, unavailable };
