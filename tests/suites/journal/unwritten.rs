//! The end of a call that cannot be written.

use std::time::Duration;

use meetbit_client::{Customers, ErrorKind, Outcome, journal::Resolution, sandbox::Fault};

use crate::{
    failing::Failing,
    failures::{ada, sandbox},
    stores::{Opened, on_each_store},
};

on_each_store!(
    promise_28_an_end_that_cannot_be_written_is_in_doubt_at_once,
    promise_28_a_dropped_call_whose_end_cannot_be_written_is_in_doubt,
);

/// Only the write of the end fails. This process knows at once that the key is in doubt; others wait until its time is over.
async fn promise_28_an_end_that_cannot_be_written_is_in_doubt_at_once(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    let ends = [
        ("replied", None, Outcome::Done),
        ("rejected", Some(Fault::status(403)), Outcome::Rejected),
        ("lost", Some(Fault::reset().after_acting()), Outcome::Unknown),
    ];
    for (key, fault, outcome) in ends {
        if let Some(fault) = fault {
            sandbox.fault(fault);
        }
        let journal = Failing::journal(opened.journal.store(), 1..2);
        let once = || client.create_customer(&ada()).once(&journal, key);
        let before = sandbox.requests().len();
        let error = once().await.unwrap_err();
        assert_eq!(error.outcome(), outcome, "{error}");
        assert!(error.to_string().contains("the disk is on fire"), "{error}");

        let again = once().await.unwrap_err();
        let known = if outcome == Outcome::Done { Outcome::Done } else { Outcome::Unknown };
        assert_eq!((again.kind(), again.outcome()), (ErrorKind::InDoubt, known), "{key}: {again}");
        assert!(again.to_string().contains("the disk is on fire"), "{again}");
        let listed = journal.clone().in_doubt().await.unwrap();
        assert_eq!(listed.iter().map(|doubt| &*doubt.key).collect::<Vec<_>>(), [key]);
        assert!(listed[0].body.starts_with(b"{\"first_name\":\"Ada\""), "{:?}", listed[0].body);
        let other = client.create_customer(&ada()).once(&opened.again().await, key).timeout(Duration::from_millis(300));
        assert_eq!(other.await.unwrap_err().kind(), ErrorKind::Timeout, "{key}");
        assert_eq!(sandbox.requests().len(), before + 1);

        journal.resolve(key, Resolution::NotDone).await.unwrap();
        assert_eq!(journal.in_doubt().await.unwrap(), []);
        once().await.unwrap();
        assert!(client.create_customer(&ada()).once(&opened.journal, key).send().await.unwrap().replayed);
        assert_eq!(sandbox.requests().len(), before + 2);
    }
}

async fn promise_28_a_dropped_call_whose_end_cannot_be_written_is_in_doubt(opened: Opened) {
    let (sandbox, client) = sandbox().await;
    sandbox.fault(Fault::silence());
    let journal = Failing::journal(opened.journal.store(), 1..2);
    let once = || client.create_customer(&ada()).once(&journal, "crm:42");
    let first = tokio::spawn(once().send());
    while sandbox.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    first.abort();
    // It waits for the end of the first call. Without the memory of that end, it would wait for its own time limit.
    let error = once().timeout(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InDoubt, "{error}");
    assert_eq!(sandbox.requests().len(), 1);
}
