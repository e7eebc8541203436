//! The thread that owns the connection, and the handle that sends it work.
//!
//! Group commit: whatever waits in the queue is run in one transaction, which is synced once, and only
//! then is each operation answered. Many senders together so pay for one sync instead of one each.
//! An operation that fails is rolled back alone (a savepoint); the others of its transaction stand.

use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::DbError;
use crate::limits::{DB_BATCH_MAX, DB_QUEUE_MAX};

type SqlResult<T> = Result<T, rusqlite::Error>;
type Work<T> = Box<dyn FnOnce(&Connection) -> SqlResult<T> + Send>;

/// One thing to be done by the database thread, whole or not at all.
#[must_use = "it does nothing until it is given to `Db::call`"]
pub struct Operation<T> {
    doing: &'static str,
    work: Work<T>,
}

impl<T> Operation<T> {
    /// `doing` completes the sentence "could not ..".
    pub(super) fn new(
        doing: &'static str,
        work: impl FnOnce(&Connection) -> SqlResult<T> + Send + 'static,
    ) -> Self {
        Self { doing, work: Box::new(work) }
    }

    /// Completes the sentence "could not ..".
    pub(super) fn doing(&self) -> &'static str {
        self.doing
    }

    /// Runs it on a connection of the caller's own.
    pub(super) fn run(self, connection: &Connection) -> SqlResult<T> {
        (self.work)(connection)
    }
}

impl<T> std::fmt::Debug for Operation<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Operation({})", self.doing)
    }
}

/// An operation with its answer's type hidden, so that one queue holds all kinds.
trait Command: Send {
    /// Runs the work and keeps its outcome.
    fn run(&mut self, connection: &Connection) -> Ran;
    /// Sends the outcome back, or the reason why the whole transaction came to nothing.
    fn answer(self: Box<Self>, transaction: Result<(), Arc<rusqlite::Error>>);
}

/// How the work of a command went; the outcome itself stays in the command.
enum Ran {
    Well,
    Badly(Option<rusqlite::ffi::Error>),
}

struct Call<T> {
    doing: &'static str,
    work: Option<Work<T>>,
    outcome: Option<SqlResult<T>>,
    reply: oneshot::Sender<Result<T, DbError>>,
}

impl<T: Send> Command for Call<T> {
    fn run(&mut self, connection: &Connection) -> Ran {
        let work = self.work.take().expect("a command runs once");
        let outcome = work(connection);
        let ran = match &outcome {
            Ok(_) => Ran::Well,
            Err(error) => Ran::Badly(error.sqlite_error().copied()),
        };
        self.outcome = Some(outcome);
        ran
    }

    fn answer(self: Box<Self>, transaction: Result<(), Arc<rusqlite::Error>>) {
        let doing = self.doing;
        let answer = match (self.outcome, transaction) {
            (Some(Err(source)), _) => Err(DbError::Run { doing, source }),
            (_, Err(source)) => Err(DbError::Commit { doing, source }),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => unreachable!("a transaction is written after all its commands ran"),
        };
        // The caller may have gone (a closed association); its change stands all the same.
        let _ = self.reply.send(answer);
    }
}

/// The way to the database; clones share its thread.
#[derive(Clone)]
pub struct Db {
    queue: mpsc::Sender<Box<dyn Command>>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Db")
    }
}

/// The running thread. It ends when the last [`Db`] is dropped and the queue is empty.
#[derive(Debug)]
pub struct DbThread(JoinHandle<()>);

impl DbThread {
    /// Waits until the thread has done what was queued and has closed the file. Blocks; drop every
    /// [`Db`] first.
    ///
    /// # Errors
    /// [`DbError::Gone`] when the thread had panicked.
    pub fn join(self) -> Result<(), DbError> {
        self.0.join().map_err(|_| DbError::Gone { doing: "close the database" })
    }
}

impl Db {
    /// Gives the connection to its thread.
    pub(super) fn start(connection: Connection) -> Result<(Self, DbThread), DbError> {
        let (queue, commands) = mpsc::channel(DB_QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("db".into())
            .spawn(move || serve(&connection, commands))
            .map_err(DbError::Spawn)?;
        Ok((Self { queue }, DbThread(thread)))
    }

    /// Runs an operation; waits while the queue is full. The answer comes once its transaction is
    /// synced. Dropping the future does not undo what was queued.
    ///
    /// # Errors
    /// [`DbError::Run`], [`DbError::Commit`] or [`DbError::Gone`].
    pub async fn call<T: Send + 'static>(&self, operation: Operation<T>) -> Result<T, DbError> {
        let doing = operation.doing;
        let (command, answer) = call_of(operation);
        self.queue.send(command).await.map_err(|_| DbError::Gone { doing })?;
        answer.await.map_err(|_| DbError::Gone { doing })?
    }

    /// The same for a thread of its own; panics when called from async code.
    ///
    /// # Errors
    /// As [`Db::call`].
    pub fn call_blocking<T: Send + 'static>(&self, operation: Operation<T>) -> Result<T, DbError> {
        let doing = operation.doing;
        let (command, answer) = call_of(operation);
        self.queue.blocking_send(command).map_err(|_| DbError::Gone { doing })?;
        answer.blocking_recv().map_err(|_| DbError::Gone { doing })?
    }
}

type Answer<T> = oneshot::Receiver<Result<T, DbError>>;

fn call_of<T: Send + 'static>(operation: Operation<T>) -> (Box<dyn Command>, Answer<T>) {
    let (reply, answer) = oneshot::channel();
    let Operation { doing, work } = operation;
    (Box::new(Call { doing, work: Some(work), outcome: None, reply }), answer)
}

/// Runs until every sender is gone.
fn serve(connection: &Connection, mut commands: mpsc::Receiver<Box<dyn Command>>) {
    let mut batch = Vec::with_capacity(DB_BATCH_MAX);
    while commands.blocking_recv_many(&mut batch, DB_BATCH_MAX) > 0 {
        let transaction = run_together(connection, &mut batch).map_err(Arc::new);
        if let Err(error) = &transaction {
            tracing::warn!(%error, n_operations = batch.len(), "database transaction failed");
        }
        for command in batch.drain(..) {
            command.answer(transaction.clone());
        }
    }
}

/// One transaction for the whole batch. On an error nothing of it is kept.
fn run_together(connection: &Connection, batch: &mut [Box<dyn Command>]) -> SqlResult<()> {
    // Immediate: a command of the appliance's user may write at the same time, and a transaction that has read before it
    // could then not write any more.
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    for command in batch {
        transaction.prepare_cached("SAVEPOINT operation")?.execute([])?;
        let end = match command.run(&transaction) {
            Ran::Well => {
                transaction.prepare_cached("RELEASE operation")?.execute([])?;
                continue;
            }
            // On a full disk SQLite may roll back the whole transaction by itself (lang_transaction,
            // "response to errors within a transaction"): then all of the batch came to nothing.
            Ran::Badly(Some(cause)) if transaction.is_autocommit() => {
                return Err(rusqlite::Error::SqliteFailure(cause, None));
            }
            Ran::Badly(_) => "ROLLBACK TO operation; RELEASE operation",
        };
        transaction.execute_batch(end)?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Dispose, Disposition};

    fn memory() -> (Db, DbThread) {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT").unwrap();
        Db::start(connection).unwrap()
    }

    fn insert(n: i64) -> Operation<usize> {
        Operation::new("insert a number", move |connection| {
            connection.execute("INSERT INTO t VALUES (?1)", [n])
        })
    }

    fn count() -> Operation<i64> {
        Operation::new("count", |connection| {
            connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        })
    }

    #[tokio::test]
    async fn a_failing_operation_does_not_take_the_others_with_it() {
        let (db, _thread) = memory();
        let (first, second, again) =
            tokio::join!(db.call(insert(1)), db.call(insert(2)), db.call(insert(1)));
        first.unwrap();
        second.unwrap();
        let error = again.unwrap_err();
        assert!(matches!(error, DbError::Run { doing: "insert a number", .. }), "{error:?}");
        assert_eq!(db.call(count()).await.unwrap(), 2);
    }

    #[test]
    fn what_waits_together_is_one_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("batch.db");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT").unwrap();
        // What another connection sees while the last operation runs is what was committed by then.
        let count_committed = move || -> i64 {
            let other = Connection::open(&path).unwrap();
            other.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
        };
        // Fill the queue before the thread starts: then nothing depends on timing.
        let (queue, commands) = mpsc::channel::<Box<dyn Command>>(DB_QUEUE_MAX);
        let mut answers = Vec::new();
        for n in 0..100 {
            let (command, answer) = call_of(insert(n));
            queue.blocking_send(command).unwrap_or_else(|_| panic!("the receiver is here"));
            answers.push(answer);
        }
        let (command, seen) =
            call_of(Operation::new("look from outside", move |_| Ok(count_committed())));
        queue.blocking_send(command).unwrap_or_else(|_| panic!("the receiver is here"));
        drop(queue);
        serve(&connection, commands);
        for answer in answers {
            answer.blocking_recv().unwrap().unwrap();
        }
        assert_eq!(seen.blocking_recv().unwrap().unwrap(), 0);
        let n: i64 = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(n, 100);
    }

    #[test]
    fn a_full_disk_is_to_be_tried_again_and_nothing_is_half_done() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("full.db")).unwrap();
        connection
            .execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, pad TEXT) STRICT")
            .unwrap();
        connection.pragma_update(None, "max_page_count", 8).unwrap();
        let (db, _thread) = Db::start(connection).unwrap();
        let fat = |n: i64| {
            Operation::new("insert much", move |connection: &Connection| {
                connection.execute("INSERT INTO t VALUES (?1, ?2)", (n, "x".repeat(100_000)))
            })
        };
        let error = db.call_blocking(fat(1)).unwrap_err();
        assert_eq!(error.disposition(), Disposition::Retry, "{error:?}");
        let thin = Operation::new("insert little", |connection: &Connection| {
            connection.execute("INSERT INTO t VALUES (2, 'x')", [])
        });
        db.call_blocking(thin).unwrap();
        assert_eq!(db.call_blocking(count()).unwrap(), 1);
    }

    #[test]
    fn dropping_every_handle_ends_the_thread() {
        let (db, thread) = memory();
        db.call_blocking(insert(1)).unwrap();
        drop(db);
        thread.join().unwrap();
    }

    #[test]
    fn a_panic_in_the_thread_is_told_to_the_caller() {
        let (db, thread) = memory();
        let error =
            db.call_blocking(Operation::<()>::new("panic", |_| panic!("a bug"))).unwrap_err();
        assert_eq!(error.disposition(), Disposition::Fatal);
        assert!(thread.join().is_err());
    }
}
