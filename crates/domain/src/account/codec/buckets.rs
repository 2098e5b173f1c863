//! The bytes of numbers by bucket: the newest bucket, the gaps back from it, and what lies in each.

use super::parts::Part;
use crate::{
    bytes::{Damaged, Reader, Writer},
    time::DAY_MS,
    usage::{
        buckets::{Buckets, Numbers},
        distinct::{DISTINCT_MOST, Distinct, Held},
        window::Bucket,
    },
};

/// Buckets as the newest and the gaps back from it.
fn write_buckets(to: &mut Writer, buckets: impl DoubleEndedIterator<Item = Bucket> + ExactSizeIterator) {
    to.length(buckets.len());
    let mut newest_first = buckets.rev();
    let Some(newest) = newest_first.next() else {
        return;
    };
    to.signed(i128::from(newest) - i128::from(to.base / DAY_MS));
    let mut later = newest;
    to.gammas(newest_first.map(|bucket| {
        let gap = later.wrapping_sub(bucket) as u32;
        later = bucket;
        gap
    }));
}

fn read_buckets(from: &mut Reader<'_>) -> Result<Vec<Bucket>, Damaged> {
    let count = from.length()?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let newest = from.signed()?.checked_add(i128::from(from.base / DAY_MS)).ok_or(Damaged)?;
    let mut bucket = Bucket::try_from(newest).map_err(|_| Damaged)?;
    let mut buckets = vec![bucket];
    for gap in from.gammas(count - 1)? {
        bucket = bucket.wrapping_sub(gap as Bucket);
        buckets.push(bucket);
    }
    buckets.reverse();
    Ok(buckets)
}

impl Part for Buckets<u32> {
    fn write(&self, to: &mut Writer) {
        write_buckets(to, self.entries.iter().map(|(bucket, _)| *bucket));
        to.gammas(self.entries.iter().map(|(_, count)| *count));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        let buckets = read_buckets(from)?;
        let counts = from.gammas(buckets.len())?;
        Ok(Self { entries: buckets.into_iter().zip(counts).collect() })
    }
}

impl Part for Buckets<Numbers> {
    fn write(&self, to: &mut Writer) {
        write_buckets(to, self.entries.iter().map(|(bucket, _)| *bucket));
        to.gammas(self.entries.iter().map(|(_, numbers)| numbers.count));
        for (_, numbers) in &self.entries {
            to.signed(numbers.sum);
            if numbers.count > 1 {
                to.signed(numbers.min.into());
                to.signed(i128::from(numbers.max) - i128::from(numbers.min));
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        let buckets = read_buckets(from)?;
        let counts = from.gammas(buckets.len())?;
        let numbers = counts.into_iter().map(|count| read_numbers(from, count));
        let entries = buckets.into_iter().zip(numbers).map(|(bucket, numbers)| Ok((bucket, numbers?)));
        Ok(Self { entries: entries.collect::<Result<_, Damaged>>()? })
    }
}

/// A single number is its own sum, least and greatest.
fn read_numbers(from: &mut Reader<'_>, count: u32) -> Result<Numbers, Damaged> {
    let sum = from.signed()?;
    let narrow = |number: i128| i64::try_from(number).map_err(|_| Damaged);
    if count == 1 {
        return Ok(Numbers { count, sum, min: narrow(sum)?, max: narrow(sum)? });
    }
    let min = from.signed()?;
    let max = min.checked_add(from.signed()?).ok_or(Damaged)?;
    Ok(Numbers { count, sum, min: narrow(min)?, max: narrow(max)? })
}

impl Part for Distinct {
    fn write(&self, to: &mut Writer) {
        to.length(self.keys.len());
        for (key, buckets) in &self.keys {
            to.id(*key);
            write_buckets(to, buckets.iter().copied());
        }
        let saturated: Vec<Bucket> = self
            .buckets
            .entries
            .iter()
            .filter(|(_, held)| held.saturated)
            .map(|(bucket, _)| *bucket)
            .collect();
        write_buckets(to, saturated.into_iter());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Damaged> {
        let count = from.length()?;
        let keys =
            (0..count).map(|_| Ok((from.id()?, read_buckets(from)?))).collect::<Result<Vec<_>, Damaged>>()?;
        let saturated = read_buckets(from)?;
        let mut held: Vec<Bucket> = keys.iter().flat_map(|(_, buckets)| buckets).copied().collect();
        held.sort_unstable();
        let entries = held
            .chunk_by(|a, b| a == b)
            .map(|same| {
                let keys = u16::try_from(same.len()).unwrap_or(DISTINCT_MOST);
                (same[0], Held { keys, saturated: saturated.binary_search(&same[0]).is_ok() })
            })
            .collect();
        Ok(Self { keys, buckets: Buckets { entries } })
    }
}
