"""The Gaussian study: modalities drawn with a known share of decisive features."""
