/* refused: Registers are spilled */
__global__ void __launch_bounds__(1024, 2) products(float *x)
{
    float a[64];

#pragma unroll
    for (int i = 0; i < 64; i++)
        a[i] = x[i * 1024 + threadIdx.x];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 64; i++) {
        float sum = 0;
#pragma unroll
        for (int j = 0; j < 64; j++)
            sum += a[j] * a[(i + j) % 64];
        x[i * 1024 + threadIdx.x] = sum;
    }
}
