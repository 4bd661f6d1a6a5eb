//! When loaders read: not before everything that can be asked for has been asked for.
//!
//! A loader collects keys until its batch begins. Left to a timer, a batch begins while a slow answer is still being resolved,
//! and the number of statements depends on luck. Here a batch waits until the execution cannot go on without it and no other
//! batch is running: what the objects of one level ask for is one statement, however many objects there are.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_graphql::Response;
use async_graphql::dataloader::DataLoader;
use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use futures_util::future::{BoxFuture, poll_fn};
use tokio::task::JoinSet;

type Batch = BoxFuture<'static, ()>;

/// The batches of one request that have not begun.
#[derive(Clone, Default)]
pub(super) struct Batches(Arc<Mutex<Vec<Batch>>>);

impl Batches {
    /// A loader whose batches begin when the execution waits for them.
    pub(super) fn loader<T>(&self, loader: T) -> DataLoader<T> {
        let batches = self.clone();
        DataLoader::new(loader, move |batch| batches.push(batch)).delay(Duration::ZERO)
    }

    fn push(&self, batch: Batch) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(batch);
    }

    fn take(&self) -> Vec<Batch> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs an execution with its batches. They end with it.
    async fn drive<T>(&self, execution: impl Future<Output = T>) -> T {
        let mut execution = pin!(execution);
        let mut running = JoinSet::new();
        poll_fn(|context| {
            loop {
                let woken = Arc::new(Woken {
                    outer: context.waker().clone(),
                    woken: AtomicBool::new(false),
                });
                let waker = Waker::from(Arc::clone(&woken));
                if let Poll::Ready(output) =
                    execution.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    return Poll::Ready(output);
                }
                let running_before = !running.is_empty();
                while let Poll::Ready(Some(_)) = running.poll_join_next(context) {}
                if !running.is_empty() || woken.woken.load(Ordering::SeqCst) {
                    // Some of it can go on, now or when a batch ends; both wake this task.
                    return Poll::Pending;
                }
                if running_before {
                    // What the last batch brought may not have been taken up yet.
                    continue;
                }
                let batches = self.take();
                if batches.is_empty() {
                    return Poll::Pending;
                }
                for batch in batches {
                    running.spawn(batch);
                }
            }
        })
        .await
    }
}

/// Passes a wake on and remembers it: an execution that wakes itself has not come to its end yet.
struct Woken {
    outer: Waker,
    woken: AtomicBool,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.outer.wake_by_ref();
    }
}

/// Runs the batches of each request.
pub(super) struct RunBatches;

impl ExtensionFactory for RunBatches {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for RunBatches {
    async fn execute(
        &self,
        context: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let execution = next.run(context, operation_name);
        match context.data_opt::<Batches>() {
            Some(batches) => batches.drive(execution).await,
            None => execution.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::atomic::AtomicUsize;

    use async_graphql::dataloader::Loader;
    use futures_util::future::join_all;

    use super::*;

    /// Counts its batches; each key asks for the one below it when it is answered.
    #[derive(Clone, Default)]
    struct Counting(Arc<AtomicUsize>);

    impl Loader<u64> for Counting {
        type Value = u64;
        type Error = ();

        async fn load(&self, keys: &[u64]) -> Result<HashMap<u64, u64>, ()> {
            self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(keys.iter().map(|key| (*key, key + 1)).collect())
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_level_is_one_batch_however_wide_it_is() {
        for width in [1, 3, 500] {
            let batches = Batches::default();
            let counting = Counting::default();
            let loader = batches.loader(counting.clone());
            let loader = &loader;
            let levels = join_all((0..width).map(|nth| async move {
                let mut key = nth * 10;
                for _ in 0..3 {
                    // Siblings that are asked late, and a list inside a list, which wakes itself.
                    let several = join_all((0..40).map(|_| loader.load_one(key))).await;
                    std::thread::sleep(Duration::from_micros(10));
                    key = several[0].unwrap().unwrap();
                }
                key
            }));
            let answers = batches.drive(levels).await;
            assert_eq!(answers[0], 3);
            assert_eq!(counting.0.load(Ordering::SeqCst), 3, "{width}");
        }
    }
}
