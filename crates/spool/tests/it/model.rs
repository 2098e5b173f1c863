//! Random scripts of appends, reads, crashes and restarts, beside a plain list of what was acknowledged.

use std::fs::File;

use proptest::{collection::vec, prelude::*};

use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// Payloads of so many bytes.
    Append(Vec<usize>),
    Read(usize),
    /// So much of what was read, in hundredths.
    Drain(u64),
    Record,
    Close,
    Crash,
    /// With so much of the batch written, in hundredths.
    CrashAppending(Vec<usize>, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => vec(0..60_usize, 0..6).prop_map(Step::Append),
        4 => (0..300_usize).prop_map(Step::Read),
        4 => (0..=100_u64).prop_map(Step::Drain),
        1 => Just(Step::Record),
        1 => Just(Step::Close),
        1 => Just(Step::Crash),
        1 => (vec(0..60_usize, 1..6), 0..=100_u64).prop_map(|(sizes, part)| Step::CrashAppending(sizes, part)),
    ]
}

struct World {
    folder: TempDir,
    /// None only while it is being opened again.
    spool: Option<Spool>,
    /// All that ever was in it; the first has number 1.
    entries: Vec<Bytes>,
    drained: u64,
    read: u64,
}

impl World {
    fn new() -> Self {
        let folder = quick_folder();
        let spool = Some(open(folder.path()));
        Self { folder, spool, entries: Vec::new(), drained: 0, read: 0 }
    }

    fn spool(&mut self) -> &mut Spool {
        self.spool.as_mut().unwrap()
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Append(sizes) => self.append(&sizes),
            Step::Read(bytes) => self.read(bytes),
            Step::Drain(part) => self.drain(part),
            Step::Record => self.spool().record().unwrap(),
            Step::Close => {
                self.spool.take().unwrap().close().unwrap();
                self.reopen(0, 0);
            }
            Step::Crash => {
                self.spool = None;
                self.reopen(0, SMALL.segment_bytes);
            }
            Step::CrashAppending(sizes, part) => self.crash_appending(&sizes, part),
        }
        self.check_figures();
    }

    /// Payloads that are unlike any other.
    fn batch(&self, sizes: &[usize]) -> Vec<Bytes> {
        let seed = self.entries.len() as u64;
        let payload = |(size, seed): (&usize, u64)| {
            seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .to_le_bytes()
                .iter()
                .copied()
                .cycle()
                .take(*size)
                .collect()
        };
        sizes.iter().zip(seed..).map(payload).collect()
    }

    /// Bytes of what was not drained.
    fn waiting_bytes(&self) -> u64 {
        framed(&self.entries[self.drained as usize..])
    }

    fn append(&mut self, sizes: &[usize]) {
        let batch = self.batch(sizes);
        let fits = self.waiting_bytes() + framed(&batch) <= SMALL.most_bytes;
        match self.spool().append(&batch) {
            Ok(last) => {
                assert!(fits);
                self.entries.extend(batch);
                assert_eq!(last, self.entries.len() as u64);
            }
            Err(error) => assert!(!fits && matches!(error, SpoolError::Full { .. }), "{error}"),
        }
    }

    fn read(&mut self, bytes: usize) {
        let read = self.spool().next(bytes).unwrap();
        assert_eq!(read.is_empty(), self.drained == self.entries.len() as u64);
        assert!(read.len() <= 1 || framed(read.iter().map(|entry| &entry.payload)) <= bytes as u64);
        for (entry, sequence) in read.iter().zip(self.drained + 1..) {
            assert_eq!(entry.sequence, sequence);
            assert_eq!(entry.payload, self.entries[sequence as usize - 1]);
            self.read = self.read.max(sequence);
        }
    }

    fn drain(&mut self, part: u64) {
        let upto = self.drained + self.read.saturating_sub(self.drained) * part / 100;
        self.spool().drained(upto).unwrap();
        self.drained = upto;
    }

    /// Appends, and takes all but a part of it back, as if the process had died meanwhile.
    fn crash_appending(&mut self, sizes: &[usize], part: u64) {
        let lengths = |world: &Self| {
            let length = |path: PathBuf| (fs::metadata(&path).unwrap().len(), path);
            segments(world.folder.path()).into_iter().map(length).collect::<Vec<_>>()
        };
        let batch = self.batch(sizes);
        let before = lengths(self);
        let appended = self.spool().append(&batch).is_ok();
        self.spool = None;
        if !appended {
            return self.reopen(0, SMALL.segment_bytes);
        }
        let (length, path) = lengths(self).pop().unwrap();
        let durable = before.iter().find(|(_, other)| *other == path).map_or(24, |(length, _)| *length);
        let mut torn = (length - durable) * part / 100;
        File::options().write(true).open(&path).unwrap().set_len(durable + torn).unwrap();
        for payload in batch {
            let Some(rest) = torn.checked_sub(framed([&payload])) else { break };
            torn = rest;
            self.entries.push(payload);
        }
        self.reopen(torn, SMALL.segment_bytes);
    }

    /// So many bytes are torn; entries of at most so many bytes may come again.
    fn reopen(&mut self, torn: u64, again: u64) {
        let (mut spool, opened) = opened(self.folder.path()).unwrap();
        assert_eq!(opened, Opened { cut: torn, missing: Vec::new() });
        let first =
            spool.next(0).unwrap().first().map_or(self.entries.len() as u64 + 1, |entry| entry.sequence);
        assert!(first <= self.drained + 1, "entry {first} is the first, {} were drained", self.drained);
        let repeated = framed(&self.entries[first as usize - 1..self.drained as usize]);
        assert!(repeated <= again.max(if again > 0 { 5 * 80 } else { 0 }), "{repeated} bytes come again");
        self.drained = first - 1;
        self.read = spool.next(0).unwrap().last().map_or(self.drained, |entry| entry.sequence);
        self.spool = Some(spool);
    }

    fn check_figures(&mut self) {
        let (waiting, bytes) = (self.entries.len() as u64 - self.drained, self.waiting_bytes());
        let spool = self.spool();
        assert_eq!((spool.waiting(), spool.bytes(), spool.is_empty()), (waiting, bytes, waiting == 0));
    }
}

fn framed<'a>(payloads: impl IntoIterator<Item = &'a Bytes>) -> u64 {
    payloads.into_iter().map(|payload| 20 + payload.len() as u64).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_acknowledged_is_ever_lost_or_out_of_order(script in vec(step(), 1..60)) {
        let mut world = World::new();
        for step in script {
            world.take(step);
        }
        world.take(Step::Close);
        while world.drained < world.entries.len() as u64 {
            world.take(Step::Read(200));
            world.take(Step::Drain(100));
        }
    }
}
