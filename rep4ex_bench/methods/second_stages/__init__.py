"""Second stage: the control function on a code, and the additive regressors it can use."""
