"""Results and settings of the paper (arXiv 2011.06735)."""

ACCURACIES = {  # test accuracy in percent
    "ResNet18": {"CIFAR-10": 91.0, "CIFAR-100": 64.0, "MNIST": 99.0, "FMNIST": 92.0},
    "VGG19": {"CIFAR-10": 90.5, "CIFAR-100": 63.6, "MNIST": 98.5, "FMNIST": 91.6},
    "AlexNet": {"CIFAR-10": 81.0, "CIFAR-100": 53.0, "MNIST": 98.5, "FMNIST": 89.5},
}
EPOCHS, SEEDS = 150, 5
SETTINGS = {  # all but the learning rates and weight decays of Table 1
    "momentum": "0.9",
    "batch_size": "128",
    "target_val_acc": "94",
    "val_split": "0",
    "pretrained": "false",
}
