//! The hours of a week in which a user works.

use serde::Serialize;

use super::validation::{Fields, Presence};

#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct WorkHours {
    sunday: Vec<Span>,
    monday: Vec<Span>,
    tuesday: Vec<Span>,
    wednesday: Vec<Span>,
    thursday: Vec<Span>,
    friday: Vec<Span>,
    saturday: Vec<Span>,
}

#[derive(Debug, Clone, Serialize)]
struct Span {
    start: TimeOfDay,
    end: TimeOfDay,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct TimeOfDay {
    hour: i64,
    minute: i64,
    second: i64,
}

impl WorkHours {
    /// Monday to Friday from 9 to 17.
    pub(super) fn usual() -> Self {
        let at = |hour| TimeOfDay { hour, ..TimeOfDay::default() };
        let day = vec![Span { start: at(9), end: at(17) }];
        Self {
            monday: day.clone(),
            tuesday: day.clone(),
            wednesday: day.clone(),
            thursday: day.clone(),
            friday: day,
            ..Self::default()
        }
    }

    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let mut day = |name| fields.list(name, Presence::Required, Span::read).unwrap_or_default();
        Self {
            sunday: day("sunday"),
            monday: day("monday"),
            tuesday: day("tuesday"),
            wednesday: day("wednesday"),
            thursday: day("thursday"),
            friday: day("friday"),
            saturday: day("saturday"),
        }
    }
}

impl Span {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self { start: TimeOfDay::read("start", fields), end: TimeOfDay::read("end", fields) }
    }
}

impl TimeOfDay {
    fn read(name: &str, fields: &mut Fields<'_>) -> Self {
        let time = fields.object(name, Presence::Required, |fields| {
            let mut part = |name| fields.integer(name, Presence::Required).unwrap_or_default();
            Self { hour: part("hour"), minute: part("minute"), second: part("second") }
        });
        let time = time.unwrap_or_default();
        if !time.is_within_a_day() {
            fields.wrong(name, "must be between 0 and 24 hours.");
        }
        time
    }

    /// The document says "hour, minute and second together are at most 24 hours" and limits none of them alone.
    fn is_within_a_day(self) -> bool {
        let parts = [(self.hour, 60 * 60), (self.minute, 60), (self.second, 1)];
        let seconds = parts
            .into_iter()
            .try_fold(0_u64, |seconds, (part, unit)| u64::try_from(part).ok()?.checked_mul(unit)?.checked_add(seconds));
        seconds.is_some_and(|seconds| seconds <= 24 * 60 * 60)
    }
}
