"""Meta-learners: trained over many trials against learners, and shipped with pretrained parameters."""
