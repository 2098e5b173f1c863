//! Buckets in this process's memory.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, FutureExt, ready};

use crate::{
    Bucket, Taking,
    bucket::{DEPTH, spend},
};

/// Buckets that are remembered before those that are full again are forgotten.
const TIDY: usize = 10_000;

/// For each bucket when it is full again, microseconds since the beginning.
pub(crate) struct Buckets {
    begun: Instant,
    full_at: Mutex<HashMap<String, u64>>,
}

impl Default for Buckets {
    fn default() -> Self {
        Self { begun: Instant::now(), full_at: Mutex::default() }
    }
}

impl crate::Buckets for Buckets {
    fn take<'a>(&'a self, buckets: &'a [Bucket], tokens: u32) -> BoxFuture<'a, Taking> {
        ready(self.take_share(buckets, tokens, 1)).boxed()
    }
}

impl Buckets {
    /// As one of so many replicas, each with its own buckets.
    pub(crate) fn take_share(&self, buckets: &[Bucket], tokens: u32, replicas: u32) -> Taking {
        let now = micros(self.begun.elapsed());
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let mut then = Vec::with_capacity(buckets.len());
        for (place, bucket) in buckets.iter().enumerate() {
            let cost = bucket.rate.time_of_share(tokens, replicas);
            match spend(full_at.get(&bucket.name).copied().unwrap_or(0), now, cost) {
                Ok(at) => then.push(at),
                Err(wait) => return Taking::Empty { bucket: place, wait: Duration::from_micros(wait) },
            }
        }
        if full_at.len() >= TIDY {
            full_at.retain(|_, at| *at > now);
        }
        full_at.extend(buckets.iter().map(|bucket| bucket.name.clone()).zip(then));
        Taking::Taken
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX - DEPTH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rate;

    fn bucket(name: &str, per_second: u32) -> Bucket {
        Bucket { name: name.to_owned(), rate: Rate::new(per_second).expect("a rate") }
    }

    #[test]
    fn from_an_empty_bucket_nothing_is_taken_nor_from_those_beside_it() {
        let buckets = Buckets::default();
        let (small, large) = (bucket("small", 1), bucket("large", 1_000));
        assert_eq!(buckets.take_share(&[large.clone(), small.clone()], 3_600, 1), Taking::Taken);
        for _ in 0..100 {
            let Taking::Empty { bucket, wait } =
                buckets.take_share(&[large.clone(), small.clone()], 9_000, 1)
            else {
                panic!("an hour has not passed")
            };
            assert_eq!(bucket, 1);
            assert!(wait > Duration::from_secs(3_000), "{wait:?}");
        }
        assert_eq!(buckets.take_share(&[large], 1, 1), Taking::Taken);
    }

    #[test]
    fn buckets_that_are_full_again_are_forgotten() {
        let buckets = Buckets::default();
        let kept = bucket("kept", 1);
        assert_eq!(buckets.take_share(std::slice::from_ref(&kept), 100, 1), Taking::Taken);
        for number in 0..3 * TIDY {
            buckets.take_share(&[bucket(&number.to_string(), u32::MAX)], 1, 1);
        }
        assert!(buckets.full_at.lock().unwrap().len() <= TIDY);
        assert_ne!(buckets.take_share(&[kept], 1, 1), Taking::Taken);
    }
}
