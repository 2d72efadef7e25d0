//! Every store, for tests that run on each.

use std::sync::Arc;

use meetbit_client::journal::Journal;

use crate::{directory::Directory, postgres::Postgres};

/// A journal and what it needs.
pub(crate) struct Opened {
    pub(crate) journal: Journal,
    pub(crate) place: Place,
}

/// Where a journal is.
pub(crate) enum Place {
    Memory,
    Sqlite(Directory),
    Postgres(Arc<Postgres>, String),
}

impl Opened {
    pub(crate) fn memory() -> Self {
        Self { journal: Journal::in_memory(), place: Place::Memory }
    }

    pub(crate) async fn sqlite() -> Self {
        let directory = Directory::new();
        Self { journal: Journal::open(directory.file()).await.unwrap(), place: Place::Sqlite(directory) }
    }

    pub(crate) async fn postgres() -> Self {
        let server = Postgres::shared();
        let url = server.database();
        Self { journal: Journal::postgres(&*url).await.unwrap(), place: Place::Postgres(server, url) }
    }

    /// Another journal of the same kind.
    pub(crate) async fn another(&self) -> Self {
        match &self.place {
            Place::Memory => Self::memory(),
            Place::Sqlite(_) => Self::sqlite().await,
            Place::Postgres(..) => Self::postgres().await,
        }
    }

    /// The same journal, as another process sees it.
    pub(crate) async fn again(&self) -> Journal {
        match &self.place {
            Place::Memory => self.journal.clone(),
            Place::Sqlite(directory) => Journal::open(directory.file()).await.unwrap(),
            Place::Postgres(_, url) => Journal::postgres(&**url).await.unwrap(),
        }
    }
}

/// Tests with these names, on each store.
macro_rules! on_each_store {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name($crate::stores::Opened::memory()).await; })*
        }
        $crate::stores::on_each_database!($($name),*);
    };
}
pub(crate) use on_each_store;

/// The same, on each store that processes can share.
macro_rules! on_each_database {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name($crate::stores::Opened::sqlite().await).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name($crate::stores::Opened::postgres().await).await; })*
        }
    };
}
pub(crate) use on_each_database;
