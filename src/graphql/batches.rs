//! When loaders read: not before everything that can be asked for has been asked for.
//!
//! A loader collects keys until its batch begins. Left to a timer, a batch begins while a slow answer is still being resolved,
//! and the number of statements depends on luck. Here a batch waits until the execution cannot go on without it and no other
//! batch is running: what the objects of one level ask for is one statement, however many objects there are.
//!
//! A loader takes its keys a moment after its batch was started. Until each has, the execution rests: what it asked for
//! meanwhile, because another batch was faster, would be read by one statement or by two, as luck has it.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_graphql::Response;
use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use futures_util::future::{BoxFuture, poll_fn};
use tokio::task::JoinSet;

type Batch = BoxFuture<'static, ()>;

tokio::task_local! {
    /// Whether the batch that this task runs has its keys.
    static HAS_KEYS: Arc<AtomicBool>;
}

/// A loader that says when it has its keys.
pub(super) struct Punctual<T> {
    loader: T,
    batches: Batches,
}

impl<K, T> Loader<K> for Punctual<T>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    T: Loader<K>,
{
    type Value = T::Value;
    type Error = T::Error;

    async fn load(&self, keys: &[K]) -> Result<HashMap<K, T::Value>, T::Error> {
        let noted = HAS_KEYS.try_with(|has_keys| self.batches.has_keys(has_keys));
        debug_assert!(noted.is_ok(), "a loader was asked outside of a batch");
        self.loader.load(keys).await
    }
}

/// The batches of one request.
#[derive(Clone, Default)]
pub(super) struct Batches(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Those that were not started.
    waiting: Vec<Batch>,
    /// How many were started and have not taken their keys.
    without_keys: usize,
    /// Who waits until they have.
    waker: Option<Waker>,
}

impl Batches {
    /// A loader whose batches begin when the execution waits for them.
    pub(super) fn loader<T>(&self, loader: T) -> DataLoader<Punctual<T>> {
        let batches = self.clone();
        let loader = Punctual {
            loader,
            batches: self.clone(),
        };
        DataLoader::new(loader, move |batch| batches.state().waiting.push(batch))
            .delay(Duration::ZERO)
    }

    /// Takes those that were not started, to start them now.
    fn take(&self) -> Vec<Batch> {
        let mut state = self.state();
        state.without_keys += state.waiting.len();
        std::mem::take(&mut state.waiting)
    }

    /// Runs a batch. One whose keys went with another batch ends without having had any.
    async fn run(self, batch: Batch) {
        let ending = Ending {
            batches: self,
            has_keys: Arc::default(),
        };
        HAS_KEYS.scope(Arc::clone(&ending.has_keys), batch).await;
    }

    /// Notes of a batch, once, that it has its keys.
    fn has_keys(&self, has_keys: &AtomicBool) {
        if has_keys.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut state = self.state();
        state.without_keys = state.without_keys.saturating_sub(1);
        if state.without_keys == 0
            && let Some(waker) = state.waker.take()
        {
            waker.wake();
        }
    }

    /// Whether each batch that was started has its keys. If not, who waits is woken when they have.
    fn have_keys(&self, context: &Context<'_>) -> bool {
        let mut state = self.state();
        state.waker = (state.without_keys > 0).then(|| context.waker().clone());
        state.waker.is_none()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is changed in one step each time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs an execution with its batches. They end with it.
    async fn drive<T>(&self, execution: impl Future<Output = T>) -> T {
        let mut execution = pin!(execution);
        let mut running = JoinSet::new();
        poll_fn(|context| {
            loop {
                if !self.have_keys(context) {
                    return Poll::Pending;
                }
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
                    running.spawn(self.clone().run(batch));
                }
            }
        })
        .await
    }
}

/// A batch that runs. However it ends, nobody waits until it has its keys any more.
struct Ending {
    batches: Batches,
    has_keys: Arc<AtomicBool>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.batches.has_keys(&self.has_keys);
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
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::{join, join_all};

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

    #[tokio::test(flavor = "multi_thread")]
    async fn a_batch_that_was_started_takes_nothing_in_that_was_asked_for_after_it() {
        for _ in 0..100 {
            let batches = Batches::default();
            let (slow, fast) = (Counting::default(), Counting::default());
            let of_slow = batches.loader(slow.clone());
            let of_fast = batches.loader(fast.clone());
            let levels = join(of_slow.load_one(1), async {
                let key = of_fast.load_one(1).await.unwrap().unwrap();
                of_slow.load_one(key).await
            });
            let (first, second) = batches.drive(levels).await;
            assert_eq!((first, second), (Ok(Some(2)), Ok(Some(3))));
            let counted = [slow, fast].map(|counting| counting.0.load(Ordering::SeqCst));
            assert_eq!(counted, [2, 1]);
        }
    }
}
