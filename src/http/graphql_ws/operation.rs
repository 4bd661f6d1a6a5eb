//! The operations of one socket, each in a task of its own.
//!
//! Whether an operation still runs is one fact in one map, which decides together with the queue:
//! a message is queued only while its operation is in the map, and the last one is queued in the
//! moment in which it leaves. So nothing follows the client's `complete`, and an id is free as soon
//! as the client reads that its operation ended.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Request, Response};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::protocol::{self, Close};
use super::session::{End, report};
use crate::http::graphql_error::{
    INTERNAL, RATE_LIMITED, SLOW_SUBSCRIBER, code_of, coded, finish, is_request_error,
};
use crate::http::params::Params;
use crate::http::transport::{Authenticator, RequestId, Session, Shared};
use crate::http::{document, execution};

/// The operations of one socket.
pub(super) struct Operations<E, A: Authenticator> {
    shared: Arc<Shared<E, A>>,
    session: Option<Arc<Session<A::Viewer>>>,
    outbox: mpsc::Sender<String>,
    ends: mpsc::Sender<End>,
    running: Arc<Running>,
    tasks: JoinSet<()>,
    started: u64,
}

impl<E: Executor, A: Authenticator> Operations<E, A> {
    /// No operations yet. They write to `outbox`, and end the socket through `ends`.
    pub(super) fn new(
        shared: Arc<Shared<E, A>>,
        outbox: mpsc::Sender<String>,
        ends: mpsc::Sender<End>,
    ) -> Self {
        Self {
            shared,
            session: None,
            outbox,
            ends,
            running: Arc::default(),
            tasks: JoinSet::new(),
            started: 0,
        }
    }

    /// Whose operations these are.
    pub(super) fn set_session(&mut self, session: Option<Session<A::Viewer>>) {
        self.session = session.map(Arc::new);
    }

    /// Starts an operation, or refuses it alone if too many run.
    ///
    /// # Errors
    /// Ends the socket if an operation with this id still runs.
    pub(super) async fn start(&mut self, id: String, params: Params) -> Result<(), End> {
        // Operations that have ended leave their result behind.
        while self.tasks.try_join_next().is_some() {}
        let most = self.shared.limits.operations_per_socket;
        match self.running.admit(&id, most) {
            Admission::Granted => {
                self.spawn(id, params);
                Ok(())
            }
            Admission::Duplicate => Err(End::Close(Close::duplicate(&id))),
            Admission::Full => {
                let message = format!("At most {most} operations may run on one connection.");
                let refused = Response::from_errors(vec![coded(RATE_LIMITED, message)]);
                let errors = finish(refused, &RequestId::generate()).errors;
                self.outbox
                    .send(protocol::error(&id, &errors))
                    .await
                    .map_err(|_| End::Gone)
            }
        }
    }

    fn spawn(&mut self, id: String, params: Params) {
        self.started += 1;
        let operation = Operation {
            id: id.clone(),
            serial: self.started,
            shared: Arc::clone(&self.shared),
            session: self.session.clone(),
            outbox: self.outbox.clone(),
            ends: self.ends.clone(),
            running: Arc::clone(&self.running),
        };
        // Locked over both, so that the task cannot look for itself before it is there.
        let mut running = self.running.lock();
        let task = self.tasks.spawn(operation.run(params));
        running.insert(
            id,
            Entry {
                serial: self.started,
                task,
            },
        );
    }

    /// Ends an operation at the client's wish. One that has ended already is none of its concern.
    pub(super) fn cancel(&self, id: &str) {
        if let Some(entry) = self.running.lock().remove(id) {
            entry.task.abort();
        }
    }

    /// Ends every operation, and waits until what they held is dropped.
    pub(super) async fn shut_down(&mut self) {
        self.running.lock().clear();
        self.tasks.shutdown().await;
    }
}

struct Entry {
    /// Tells an operation from an earlier one with the same id.
    serial: u64,
    task: AbortHandle,
}

enum Admission {
    Granted,
    Duplicate,
    Full,
}

#[derive(Default)]
struct Running(Mutex<HashMap<String, Entry>>);

impl Running {
    /// The map is whole after each statement under the lock, so a poisoned one is too.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, id: &str, most: usize) -> Admission {
        let running = self.lock();
        if running.contains_key(id) {
            Admission::Duplicate
        } else if running.len() >= most {
            Admission::Full
        } else {
            Admission::Granted
        }
    }
}

/// One operation.
struct Operation<E, A: Authenticator> {
    id: String,
    serial: u64,
    shared: Arc<Shared<E, A>>,
    session: Option<Arc<Session<A::Viewer>>>,
    outbox: mpsc::Sender<String>,
    ends: mpsc::Sender<End>,
    running: Arc<Running>,
}

impl<E: Executor, A: Authenticator> Operation<E, A> {
    async fn run(self, params: Params) {
        let request_id = RequestId::generate();
        let work = AssertUnwindSafe(self.execute(params, &request_id)).catch_unwind();
        let refused = match work.await {
            Ok(()) => return,
            Err(panic) => execution::panicked(&*panic),
        };
        self.refuse(refused, &request_id).await;
    }

    async fn execute(&self, params: Params, request_id: &RequestId) {
        let prepared = match document::prepare(params, &self.shared.limits) {
            Ok(prepared) => prepared,
            Err(error) => {
                let refused = Response::from_errors(vec![error]);
                return self.refuse(refused, request_id).await;
            }
        };
        let viewer = self.session.as_deref();
        let request = self
            .shared
            .authenticator
            .prepare(prepared.request, viewer, request_id);
        if prepared.operation == Some(OperationType::Subscription) {
            self.subscribe(request, request_id).await;
        } else {
            let limit = self.shared.limits.execution;
            let executor = &self.shared.executor;
            let response = execution::run(executor, request, limit, request_id).await;
            if self.emit(response, request_id).await {
                self.finish(protocol::complete(&self.id)).await;
            }
        }
    }

    async fn subscribe(&self, request: Request, request_id: &RequestId) {
        let mut responses = self.shared.executor.execute_stream(request, None);
        while let Some(response) = responses.next().await {
            if !self.emit(response, request_id).await {
                return;
            }
        }
        self.finish(protocol::complete(&self.id)).await;
    }

    /// Sends one result. False if it was the last: the client has gone or wants no more, or the
    /// operation was refused as a whole.
    async fn emit(&self, response: Response, request_id: &RequestId) -> bool {
        if response
            .errors
            .iter()
            .any(|error| code_of(error) == Some(SLOW_SUBSCRIBER))
        {
            report(&self.ends, End::Close(Close::slow_reader()));
            return false;
        }
        let response = finish(response, request_id);
        if is_request_error(&response) {
            self.finish(protocol::error(&self.id, &response.errors))
                .await;
            return false;
        }
        match protocol::next(&self.id, &response) {
            Ok(message) => self.send(message).await,
            Err(error) => {
                let refused = Response::from_errors(vec![coded(INTERNAL, error.to_string())]);
                self.refuse(refused, request_id).await;
                false
            }
        }
    }

    /// Ends the operation with the errors of a response that is not finished yet.
    async fn refuse(&self, response: Response, request_id: &RequestId) {
        let errors = finish(response, request_id).errors;
        self.finish(protocol::error(&self.id, &errors)).await;
    }

    /// Queues a message as long as the operation runs. False if it does not, or nobody reads.
    async fn send(&self, message: String) -> bool {
        let Ok(room) = self.outbox.reserve().await else {
            return false;
        };
        let running = self.running.lock();
        let is_running = running
            .get(&self.id)
            .is_some_and(|entry| entry.serial == self.serial);
        if is_running {
            room.send(message);
        }
        is_running
    }

    /// Queues the last message, and frees the id with it.
    async fn finish(&self, message: String) {
        let Ok(room) = self.outbox.reserve().await else {
            return;
        };
        let mut running = self.running.lock();
        if running
            .get(&self.id)
            .is_some_and(|entry| entry.serial == self.serial)
        {
            running.remove(&self.id);
            room.send(message);
        }
    }
}
