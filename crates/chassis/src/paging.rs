//! Page sizes, and page tokens that callers cannot read.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

use crate::Problem;

/// A token that stands for `place`: where the next page begins.
pub fn encode<T: Serialize>(place: &T) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default())
}

/// The place a token stands for; none if it is empty.
pub fn decode<T: DeserializeOwned>(token: &str) -> Result<Option<T>, Problem> {
    if token.is_empty() {
        return Ok(None);
    }
    let place = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    place.map(Some).ok_or_else(|| Problem::invalid("page_token", "is not one that was handed out here"))
}

/// The page size to use when `asked` for: the usual one for 0, at most `most`.
pub fn size(asked: i32, usual: u32, most: u32) -> Result<i64, Problem> {
    match u32::try_from(asked) {
        Ok(0) => Ok(usual.into()),
        Ok(asked) => Ok(asked.min(most).into()),
        Err(_) => Err(Problem::invalid("page_size", "must not be negative")),
    }
}

/// A page of at most `limit` rows out of `limit + 1` asked for, and the token of the next one: empty if there is none.
pub fn split<R, T: Serialize>(mut rows: Vec<R>, limit: i64, place: impl Fn(&R) -> T) -> (Vec<R>, String) {
    let limit = usize::try_from(limit).unwrap_or_default();
    if rows.len() <= limit {
        return (rows, String::new());
    }
    rows.truncate(limit);
    let token = rows.last().map(|last| encode(&place(last))).unwrap_or_default();
    (rows, token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_the_place_it_stands_for() {
        let place = ("acme".to_owned(), 7_i64);
        assert_eq!(decode(&encode(&place)), Ok(Some(place)));
        assert_eq!(decode::<(String, i64)>(""), Ok(None));
        assert!(decode::<(String, i64)>("bm9uc2Vuc2U").is_err());
        assert!(decode::<(String, i64)>("%%%").is_err());
    }

    #[test]
    fn a_page_says_where_the_next_one_begins() {
        assert_eq!(split(vec![1, 2, 3], 2, |row| *row), (vec![1, 2], encode(&2)));
        assert_eq!(split(vec![1, 2], 2, |row| *row), (vec![1, 2], String::new()));
        assert_eq!(split(Vec::<i32>::new(), 2, |row| *row), (vec![], String::new()));
    }

    #[test]
    fn a_page_size_is_bounded() {
        assert_eq!(size(0, 50, 1000), Ok(50));
        assert_eq!(size(7, 50, 1000), Ok(7));
        assert_eq!(size(7_000, 50, 1000), Ok(1000));
        assert!(size(-1, 50, 1000).is_err());
    }
}
