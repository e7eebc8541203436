//! The threads that compute: how many, and on which cores.
//!
//! They are rayon's global pool, which everything that computes uses: resampling, both networks, components.
//! The runtime that receives and sends has threads of its own, which wait most of the time.

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// Why the threads could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ThreadsError {
    /// The system does not say on which cores this process may run.
    #[error("could not ask on which cores this process may run")]
    Cores(#[from] Errno),
    /// The pool could not be started.
    #[error("could not start {n_threads} threads; set fewer as `inference.threads`")]
    Start {
        /// How many were asked for.
        n_threads: usize,
        /// Why not.
        source: ThreadPoolBuildError,
    },
}

/// Starts the pool with so many threads, never more than this process has cores; how many they are. With
/// `is_pinned` each is bound to a core of its own.
///
/// Call it once, before anything computes.
///
/// # Errors
/// See [`ThreadsError`].
pub fn start(n_threads: usize, is_pinned: bool) -> Result<usize, ThreadsError> {
    let cores = allowed_cores()?;
    let n_threads = n_threads.clamp(1, cores.len().max(1));
    let mut pool = ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .thread_name(|number| format!("compute-{number}"));
    if is_pinned {
        pool = pool.start_handler(move |number| {
            let bound = cores.get(number).map_or(Ok(()), |core| bind(*core));
            if let Err(error) = bound {
                tracing::warn!(number, %error, "a thread stays on all cores");
            }
        });
    }
    pool.build_global().map_err(|source| ThreadsError::Start { n_threads, source })?;
    Ok(n_threads)
}

/// A pool with half as many threads, at least one, for a machine that is too hot: what runs in it gives the same
/// answers, and half of the cores rest.
///
/// # Errors
/// When its threads cannot be started.
pub fn half() -> Result<ThreadPool, ThreadsError> {
    let n_threads = (rayon::current_num_threads() / 2).max(1);
    ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .thread_name(|number| format!("slow-{number}"))
        .build()
        .map_err(|source| ThreadsError::Start { n_threads, source })
}

/// Numbers of the cores that this process may run on.
fn allowed_cores() -> Result<Vec<usize>, Errno> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..CpuSet::count()).filter(|core| allowed.is_set(*core) == Ok(true)).collect())
}

/// Binds the calling thread to a core.
fn bind(core: usize) -> Result<(), Errno> {
    let mut only = CpuSet::new();
    only.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hot_machine_computes_on_half_of_its_threads() {
        let pool = half().unwrap();
        assert_eq!(pool.current_num_threads(), (rayon::current_num_threads() / 2).max(1));
        let within = pool.install(rayon::current_num_threads);
        assert_eq!(within, pool.current_num_threads());
    }

    #[test]
    fn a_thread_stays_on_the_core_that_it_is_bound_to() {
        let cores = allowed_cores().unwrap();
        assert!(!cores.is_empty());
        let core = cores[cores.len() - 1];
        let thread = std::thread::spawn(move || {
            bind(core).unwrap();
            allowed_cores().unwrap()
        });
        assert_eq!(thread.join().unwrap(), [core]);
        assert_eq!(allowed_cores().unwrap(), cores, "the others stay as they were");
    }
}
