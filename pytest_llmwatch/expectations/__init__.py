"""Values to stand right of `==`: what a model's answer should be, judged without memory and explained on demand."""
