//! States that older builds stored.

use super::*;

/// An account with a waiting run, an open CTA, an answered command, and three notifications: one that failed once, one
/// that is due, and one that is being called.
const FORMAT_1: &str = "0101320001eab2aee0d39af6a088a9b4b4f4b2c2a296b801017000036e657708010f6e6577206174206c656173\
     74203536023630010106737465705f31d0ffb25201af99b1b2ae85d6cb9cff96949edee6baf9cc010000094361\
     6c6c207468656d0203616e6e0106011273696c656e74206174206c65617374203536023630010877696e5f6261\
     636b80a7b2c8efe2bee1abd9a2bce4fe928cbbd60101070003a290aa8b8de5a9f1b099b184b895ea9da4c70208\
     77696e5f6261636b0363726d010100aa9401cf839293d1c9a08cadd99afccfedfbc69d9d030877696e5f626163\
     6b0363726d000000a01ff2f2ece7ffeae2a1a18380acc38e8d9baba9020877696e5f6261636b0363726d010001\
     f02e014d904e";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn what_was_stored_in_the_first_format_is_read_and_goes_on() {
    let mut account = Account::with(vec![win_back()]);
    account.workflow = Workflow::decode(&bytes(FORMAT_1)).unwrap();
    assert_eq!(account.workflow.health(), Some(Score { points: 50, band: Band::Red }));
    assert_eq!((account.workflow.runs().len(), account.workflow.ctas().open().len()), (1, 1));
    let attempts: Vec<_> = account.workflow.deliveries().iter().map(|d| d.attempts).collect();
    assert_eq!(attempts, [1, 0, 1]);
    assert_eq!(account.deliver(9_493), ["attempt 2", "attempt 1"]);
    assert_eq!(account.deliver(33_000), ["attempt 2"]);
    assert_eq!(
        Workflow::decode(&account.workflow.encode()).unwrap().deliveries(),
        account.workflow.deliveries()
    );
}

#[test]
fn what_is_no_stored_state_is_refused() {
    for stored in [&[][..], &[0], &[4, 0], &[1, 0, 9], &[2]] {
        assert!(Workflow::decode(stored).is_err(), "{stored:?}");
    }
}
