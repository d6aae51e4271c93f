"""A population in which members choose partners, play, punish and are judged, one stage after the other."""
