//! The ids. They are apart from the resources because resources refer to each other by id.

/// Declares a newtype of `i64` that prints as the number and keeps any value: an id, or a code without documented values.
macro_rules! id {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<i64> for $name {
            fn from(id: i64) -> Self {
                Self(id)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

pub(crate) use id;

id! {
    /// The id of a calendar.
    CalendarId
}

id! {
    /// The id of a customer.
    CustomerId
}

id! {
    /// The id of a department.
    DepartmentId
}

id! {
    /// The id of an event.
    EventId
}

id! {
    /// The id of a meeting link.
    MeetingLinkId
}

id! {
    /// The id of an account that hosts online conferences.
    OnlineConferenceAccountId
}

id! {
    /// The id of an online conference.
    OnlineConferenceId
}

id! {
    /// The id of a user.
    UserId
}
