"""A label for every pixel: FCN, DeconvNet, U-Net, and the measures of a segmentation."""
