"""The stage calibrate: what is fitted on the validation window once the model is trained."""
