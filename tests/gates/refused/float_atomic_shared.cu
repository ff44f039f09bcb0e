/* refused: an atomic operation on floats, a loop of atomic operations */
__global__ void total(float *sum, const float *x)
{
    __shared__ float here;

    if (threadIdx.x == 0)
        here = 0;
    __syncthreads();
    atomicAdd(&here, x[threadIdx.x]);
    __syncthreads();
    if (threadIdx.x == 0)
        *sum = here;
}
