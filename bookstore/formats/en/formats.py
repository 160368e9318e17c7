"""The hours of the day by 24, in the admin's lists as on all pages. Django reads this module by its name."""

TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j M Y, H:i"
SHORT_DATETIME_FORMAT = "d/m/Y H:i"
