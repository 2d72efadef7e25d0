use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use crate::Checks;
use crate::resources::model::{null_is_empty, setters};

/// The working hours of a week, in the user's time zone. A day without spans is a day off.
///
/// ```
/// use meetbit_client::{TimeOfDay, WorkHours, WorkHoursSpan, jiff::civil::time};
///
/// let morning = WorkHoursSpan::new(time(9, 0, 0, 0), time(12, 30, 0, 0));
/// let night = WorkHoursSpan::new(time(20, 0, 0, 0), TimeOfDay::END_OF_DAY);
/// let hours = WorkHours::new().monday([morning]).friday([morning, night]);
/// assert!(hours.sunday.is_empty());
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkHours {
    /// Sunday's spans.
    #[serde(deserialize_with = "null_is_empty")]
    pub sunday: Vec<WorkHoursSpan>,
    /// Monday's spans.
    #[serde(deserialize_with = "null_is_empty")]
    pub monday: Vec<WorkHoursSpan>,
    /// Tuesday's spans.
    #[serde(deserialize_with = "null_is_empty")]
    pub tuesday: Vec<WorkHoursSpan>,
    /// Wednesday's spans.
    #[serde(deserialize_with = "null_is_empty")]
    pub wednesday: Vec<WorkHoursSpan>,
    /// Thursday's spans.
    #[serde(deserialize_with = "null_is_empty")]
    pub thursday: Vec<WorkHoursSpan>,
    /// Friday's spans.
    #[serde(deserialize_with = "null_is_empty")]
    pub friday: Vec<WorkHoursSpan>,
    /// Saturday's spans.
    #[serde(deserialize_with = "null_is_empty")]
    pub saturday: Vec<WorkHoursSpan>,
}

impl WorkHours {
    /// A week off.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks that each time is within a day.
    pub(crate) fn check(&self, checks: Checks) -> Checks {
        self.days().into_iter().fold(checks, |checks, (day, spans)| {
            let times = spans.iter().enumerate().flat_map(|(i, span)| [(i, "start", span.start), (i, "end", span.end)]);
            times.fold(checks, |checks, (i, side, time)| {
                let field = format!("work_hours.{day}.{i}.{side}");
                checks.ensure(time.is_within_a_day(), &field, || {
                    format!("The {field} field must be between 0 and 24 hours.")
                })
            })
        })
    }

    fn days(&self) -> [(&'static str, &[WorkHoursSpan]); 7] {
        [
            ("sunday", &self.sunday),
            ("monday", &self.monday),
            ("tuesday", &self.tuesday),
            ("wednesday", &self.wednesday),
            ("thursday", &self.thursday),
            ("friday", &self.friday),
            ("saturday", &self.saturday),
        ]
    }
}

setters!(WorkHours {
    sunday: Vec<WorkHoursSpan>,
    monday: Vec<WorkHoursSpan>,
    tuesday: Vec<WorkHoursSpan>,
    wednesday: Vec<WorkHoursSpan>,
    thursday: Vec<WorkHoursSpan>,
    friday: Vec<WorkHoursSpan>,
    saturday: Vec<WorkHoursSpan>,
});

/// A span of working time within one day.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkHoursSpan {
    /// The start.
    pub start: TimeOfDay,
    /// The end.
    pub end: TimeOfDay,
}

impl WorkHoursSpan {
    /// From `start` to `end`.
    pub fn new(start: impl Into<TimeOfDay>, end: impl Into<TimeOfDay>) -> Self {
        Self { start: start.into(), end: end.into() }
    }
}

/// A time within one day, as MeetBit counts it: hour, minute and second together are at most 24 hours.
///
/// It converts from [`jiff::civil::Time`], which cannot represent the end of a day, `24:00:00`. A reply may contain any
/// numbers; a request with a time outside the day is refused before it is sent.
///
/// ```
/// use meetbit_client::{TimeOfDay, jiff::civil::time};
///
/// let nine = TimeOfDay::from(time(9, 30, 0, 0));
/// assert_eq!((nine.hour, nine.minute, nine.second), (9, 30, 0));
/// assert_eq!(nine.time(), Some(time(9, 30, 0, 0)));
/// assert_eq!(TimeOfDay::END_OF_DAY.time(), None);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeOfDay {
    /// The hour.
    pub hour: i64,
    /// The minute.
    pub minute: i64,
    /// The second.
    pub second: i64,
}

impl TimeOfDay {
    /// Midnight at the end of the day: `24:00:00`.
    pub const END_OF_DAY: Self = Self { hour: 24, minute: 0, second: 0 };

    /// The time of day; `None` if jiff cannot represent it, as for `24:00:00`.
    #[must_use]
    pub fn time(self) -> Option<Time> {
        let [hour, minute, second] = [self.hour, self.minute, self.second].map(i8::try_from);
        Time::new(hour.ok()?, minute.ok()?, second.ok()?, 0).ok()
    }

    /// MeetBit limits only the sum, so 90 minutes are valid as an hour and a half.
    fn is_within_a_day(self) -> bool {
        let parts = [self.hour, self.minute, self.second].map(i128::from);
        let [hour, minute, second] = parts;
        parts.iter().all(|part| *part >= 0) && (hour * 60 + minute) * 60 + second <= 24 * 60 * 60
    }
}

/// Fractions of a second are dropped.
impl From<Time> for TimeOfDay {
    fn from(time: Time) -> Self {
        Self { hour: time.hour().into(), minute: time.minute().into(), second: time.second().into() }
    }
}
