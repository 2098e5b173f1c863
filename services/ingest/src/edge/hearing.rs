//! Hearing a body: within a time, and within the bytes that all requests together may hold.
//!
//! Invariant: whoever has not shown a key holds bytes of a small room of their own, so that they cannot take it from
//! those who have; a body is held only while something may become of it.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{
    limits::{MAX_BODY, MAX_HEARD, MAX_HELD, MAX_HELD_BY_STRANGERS},
    refusal::Refusal,
};

/// The bytes that all requests of this process may hold.
pub(crate) struct Rooms {
    known: Semaphore,
    strangers: Semaphore,
}

/// What one request holds of them, given back when dropped.
pub(crate) struct Held<'a> {
    rooms: &'a Rooms,
    room: &'a Semaphore,
    bytes: Option<SemaphorePermit<'a>>,
}

impl Default for Rooms {
    fn default() -> Self {
        Self { known: Semaphore::new(MAX_HELD), strangers: Semaphore::new(MAX_HELD_BY_STRANGERS) }
    }
}

impl Rooms {
    /// Nothing yet, for one who has shown a key that opens something, or has not.
    pub(crate) fn enter(&self, known: bool) -> Held<'_> {
        let room = if known { &self.known } else { &self.strangers };
        Held { rooms: self, room, bytes: None }
    }
}

impl<'a> Held<'a> {
    /// So many bytes more.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = take(self.room, bytes)?;
        match &mut self.bytes {
            Some(held) => held.merge(more),
            None => self.bytes = Some(more),
        }
        Ok(())
    }

    /// Its sender has turned out to have a key: what it holds is held among those who have.
    pub(crate) fn make_known(&mut self) -> Result<(), Refusal> {
        let room = &self.rooms.known;
        if !std::ptr::eq(room, self.room) {
            let bytes = self.bytes.as_ref().map_or(0, SemaphorePermit::num_permits);
            (self.bytes, self.room) = (Some(take(room, bytes)?), room);
        }
        Ok(())
    }

    fn give_back(&mut self) {
        self.bytes = None;
    }
}

fn take(room: &Semaphore, bytes: usize) -> Result<SemaphorePermit<'_>, Refusal> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    room.try_acquire_many(bytes).map_err(|_| Refusal::Busy {
        code: "TOO_BUSY",
        message: "too many requests are under way: send this again".into(),
        retry_after_s: 1,
    })
}

/// The whole body, unless it is refused already, or comes to be. Of one that is refused some more is read, and
/// dropped: its sender hears the answer only when it has said everything.
pub(crate) async fn whole(
    body: Body,
    verdict: Result<(), Refusal>,
    held: &mut Held<'_>,
    within: Duration,
) -> Result<Bytes, Refusal> {
    let mut hearing = Hearing { kept: verdict.map(|()| BytesMut::new()), held };
    match timeout(within, hearing.hear(body)).await {
        Ok(()) => hearing.kept.map(BytesMut::freeze),
        Err(_) => hearing.kept.and(Err(Refusal::TooSlow(within))),
    }
}

struct Hearing<'h, 'a> {
    kept: Result<BytesMut, Refusal>,
    held: &'h mut Held<'a>,
}

impl Hearing<'_, '_> {
    async fn hear(&mut self, body: Body) {
        let (mut chunks, mut length) = (body.into_data_stream(), 0);
        while length <= MAX_HEARD
            && let Some(chunk) = chunks.next().await
        {
            let Ok(chunk) = chunk else {
                return self.refuse(Refusal::Malformed("the body broke off".into()));
            };
            length += chunk.len();
            self.keep(&chunk);
        }
    }

    fn keep(&mut self, chunk: &[u8]) {
        let Ok(kept) = &mut self.kept else { return };
        if kept.len() + chunk.len() > MAX_BODY {
            return self.refuse(Refusal::body_too_large());
        }
        match self.held.take(chunk.len()) {
            Ok(()) => kept.extend_from_slice(chunk),
            Err(full) => self.refuse(full),
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        if self.kept.is_ok() {
            self.kept = Err(refusal);
            self.held.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);
    const MB: usize = 1024 * 1024;

    fn body(chunks: usize) -> Body {
        let chunk = Bytes::from(vec![b' '; MB]);
        Body::from_stream(stream::iter(std::iter::repeat_n(Ok::<_, Infallible>(chunk), chunks)))
    }

    fn free(rooms: &Rooms) -> (usize, usize) {
        (rooms.known.available_permits() / MB, rooms.strangers.available_permits() / MB)
    }

    #[tokio::test]
    async fn a_body_holds_its_bytes_and_gives_them_back() {
        let rooms = Rooms::default();
        let before = free(&rooms);
        let mut held = rooms.enter(false);
        assert_eq!(whole(body(3), Ok(()), &mut held, SOON).await.unwrap().len(), 3 * MB);
        assert_eq!(free(&rooms), (before.0, before.1 - 3));
        held.make_known().unwrap();
        assert_eq!(free(&rooms), (before.0 - 3, before.1));
        drop(held);
        assert_eq!(free(&rooms), before);
    }

    #[tokio::test]
    async fn a_body_that_is_refused_is_heard_out_and_holds_nothing() {
        let rooms = Rooms::default();
        let before = free(&rooms);
        for (chunks, verdict, code) in [
            (5, Ok(()), "TOO_LARGE"),
            (MAX_HEARD / MB + 1_000_000, Ok(()), "TOO_LARGE"),
            (2, Err(Refusal::Unauthorized("no")), "UNAUTHORIZED"),
        ] {
            let mut held = rooms.enter(true);
            assert_eq!(whole(body(chunks), verdict, &mut held, SOON).await.unwrap_err().code(), code);
            assert_eq!(free(&rooms), before, "{code}");
        }
    }

    #[tokio::test]
    async fn where_strangers_have_taken_all_their_room_who_has_a_key_is_still_heard() {
        let rooms = Rooms::default();
        let mut all = Vec::new();
        while free(&rooms).1 >= 4 {
            let mut held = rooms.enter(false);
            whole(body(4), Ok(()), &mut held, SOON).await.unwrap();
            all.push(held);
        }
        let refused = whole(body(4), Ok(()), &mut rooms.enter(false), SOON).await.unwrap_err();
        assert!(matches!(refused, Refusal::Busy { code: "TOO_BUSY", retry_after_s: 1, .. }), "{refused:?}");
        assert!(whole(body(4), Ok(()), &mut rooms.enter(true), SOON).await.is_ok());
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_in_time_is_given_up() {
        let rooms = Rooms::default();
        let endless = || {
            let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{"))]);
            Body::from_stream(first.chain(stream::pending()))
        };
        for (verdict, code) in [(Ok(()), "TOO_SLOW"), (Err(Refusal::Unauthorized("no")), "UNAUTHORIZED")] {
            let mut held = rooms.enter(false);
            let within = Duration::from_millis(20);
            assert_eq!(whole(endless(), verdict, &mut held, within).await.unwrap_err().code(), code);
        }
    }
}
