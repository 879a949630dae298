"""A user's own table of actions, features and outcome as a scenario, judged on held-out actions."""
